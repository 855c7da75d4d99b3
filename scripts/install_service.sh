#!/usr/bin/env bash
# deploy.sh --no-docker: publishes Exact, migrates the database that exact.env names, and starts the systemd unit.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
backup=$1 prefix=${2%/}
usage() { echo 'usage: ./deploy.sh --no-docker [--no-pull] [--no-backup] [--prefix FOLDER]'; }

programs=$prefix/opt/exact
settings=$prefix/etc/exact
unit=$prefix/etc/systemd/system/exact.service
starts() { [ -z "$prefix" ]; }

# Check all requirements before anything is changed.
dotnet=$(command -v dotnet) && dotnet --list-sdks | grep -q '^10\.' ||
    die 'the .NET 10 SDK is missing, so nothing was installed.' 'Install it: https://dotnet.microsoft.com/download'
dotnet=$(readlink -f "$dotnet")
if starts; then
    [ "$(id -u)" = 0 ] || die 'a systemd unit can only be installed by root.' 'Run: sudo ./deploy.sh --no-docker'
    [ -d /run/systemd/system ] && command -v systemctl >/dev/null ||
        die 'systemd does not run this machine, so no unit can be started.' \
            'Use containers (./deploy.sh), or only write the files: ./deploy.sh --no-docker --prefix FOLDER'
    case $dotnet in
        /root/* | /home/*) die "$dotnet is in a home folder, which the service cannot enter." \
            'Install .NET for all accounts, for example in /usr/share/dotnet.' ;;
    esac
fi

# What the service's own account runs, so that it owns the files that a command writes, such as a backup before migrating.
account=()
! starts || account=(runuser --user exact -- env HOME=/var/lib/exact)

# Runs a command with the settings of the unit, read as systemd reads them; their files and folders are below the prefix, too.
with_settings() {
    local line name value pairs=()
    while IFS= read -r line || [ -n "$line" ]; do
        [[ $line = [A-Za-z_]*=* ]] || continue
        name=${line%%=*} value=${line#*=}
        case $value in \"*\" | \'*\') value=${value:1:${#value}-2} ;; esac
        case $value in /etc/exact | /etc/exact/* | /var/lib/exact | /var/lib/exact/*) value=$prefix$value ;; esac
        pairs+=("$name=$value")
    done <"$settings/exact.env"
    env ${pairs[@]+"${pairs[@]}"} "$@"
}
run() { (cd "$programs/current" && with_settings "$dotnet" Exact.Api.dll "$@" </dev/null); }
database() { sed -n 's/^ConnectionStrings__Exact=//p' "$settings/exact.env" | tail -1; }

mkdir -p "$programs" "$settings" "$(dirname "$unit")"
if starts && ! id exact >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir /var/lib/exact --shell /usr/sbin/nologin exact
fi
if starts; then
    install --directory --owner=exact --group=exact --mode=700 /var/lib/exact /var/lib/exact/backups
else
    install --directory --mode=700 "$prefix/var/lib/exact"
fi
[ -e "$settings/exact.env" ] || (umask 077 && cp deploy/exact.env "$settings/exact.env")
given=${ConnectionStrings__Exact:-}
if [ -n "$given" ] && [ -z "$(database)" ]; then
    (umask 077 && while IFS= read -r line || [ -n "$line" ]; do
        [[ $line != ConnectionStrings__Exact=* ]] || line="ConnectionStrings__Exact=$given"
        echo "$line"
    done <"$settings/exact.env" >"$settings/exact.env.part")
    mv "$settings/exact.env.part" "$settings/exact.env"
fi
if [ ! -e "$settings/admin_key" ]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$settings/admin_key")
    ! starts || chown exact: "$settings/admin_key"
fi
[ -n "$(database)" ] || die "$settings/exact.env names no database." \
    'Set ConnectionStrings__Exact there and deploy again; docs/operations.md says what the database needs.'
[ -z "$given" ] || [ "$given" = "$(database)" ] || die \
    "$settings/exact.env names another database than the environment." \
    'The service reads the file. Change ConnectionStrings__Exact there, or unset it in the environment.'

# Each release has its own folder, so the running service keeps its files until it is restarted.
release=$programs/$(date -u +%Y%m%dT%H%M%SZ)
trap 'rm -rf "$release.part"' EXIT
dotnet publish Exact.Api --output "$release.part" -p:DebugType=embedded -p:UseAppHost=false \
    -p:SourceRevisionId="${REVISION:-}" -p:MinVerVersionOverride="${VERSION:-}" >&2 || die 'the build failed, so nothing was replaced. The cause is above.'

if [ "$backup" = yes ] && [ -e "$programs/current" ]; then
    (
        export EXACT="$dotnet $(readlink -f "$programs/current")/Exact.Api.dll"
        with_settings ./backup_and_restore.sh backup
    ) || die 'the backup failed, so nothing was replaced. The cause is above.' \
        'To deploy without one: ./deploy.sh --no-docker --no-backup'
fi

chmod -R go+rX "$release.part"
mv "$release.part" "$release"
(cd "$release" && with_settings ${account[@]+"${account[@]}"} "$dotnet" Exact.Api.dll migrate </dev/null) || die \
    'the database was not migrated, so the service was not restarted. The cause is above.'
ln -sfn "$(basename "$release")" "$programs/current"
sed "s|^ExecStart=/usr/bin/dotnet |ExecStart=$dotnet |" deploy/exact.service >"$unit"

if ! starts; then
    echo "The files are below $prefix. Nothing was started, because --prefix was given." >&2
    run status
    exit
fi

systemctl daemon-reload
systemctl enable --quiet exact
systemctl restart exact
until run health >/dev/null 2>&1; do
    if ! systemctl is-active --quiet exact; then
        journalctl --unit exact --lines 30 --no-pager --output cat >&2
        die 'the service did not become ready. Its last log lines are above.'
    fi
    sleep 1
done
run status
systemctl status exact --no-pager --lines 6
# Keep the last two releases, to go back.
find "$programs" -mindepth 1 -maxdepth 1 -type d | sort | head -n -2 | xargs -r rm -rf
