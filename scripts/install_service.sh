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

# Everything that can be missing is missed before anything is changed.
dotnet=$(command -v dotnet) && dotnet --list-sdks | grep -q '^10\.' ||
    die 'the .NET 10 SDK is missing.' 'Install it: https://dotnet.microsoft.com/download'
dotnet=$(readlink -f "$dotnet")
if starts; then
    [ "$(id -u)" = 0 ] || die 'to install a systemd unit needs root.' 'Run it again: sudo ./deploy.sh --no-docker'
    [ -d /run/systemd/system ] && command -v systemctl >/dev/null ||
        die 'systemd does not run this machine, so no unit can be started.' \
            'Use containers (./deploy.sh), or put the files somewhere: ./deploy.sh --no-docker --prefix FOLDER'
    case $dotnet in
        /root/* | /home/*) die "$dotnet is in a home folder, which the service may not enter." \
            'Install .NET for all accounts, for example in /usr/share/dotnet.' ;;
    esac
fi

# The settings as systemd reads them, for a command that runs outside the unit.
with_settings() {
    local line name value pairs=()
    while IFS= read -r line || [ -n "$line" ]; do
        [[ $line = [A-Za-z_]*=* ]] || continue
        name=${line%%=*} value=${line#*=}
        case $value in \"*\" | \'*\') value=${value:1:${#value}-2} ;; esac
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
    'Write ConnectionStrings__Exact into it and deploy again; docs/operations.md tells what the database needs.'
[ -z "$given" ] || [ "$given" = "$(database)" ] || die \
    "$settings/exact.env names another database than the environment." \
    'Change ConnectionStrings__Exact there, which is what the service reads, or unset it here.'

# A release has a folder of its own, so that the running service keeps its files until it is started again.
release=$programs/$(date -u +%Y%m%dT%H%M%SZ)
trap 'rm -rf "$release.part"' EXIT
dotnet publish Exact.Api --output "$release.part" -p:DebugType=embedded -p:UseAppHost=false \
    -p:SourceRevisionId="${REVISION:-}" >&2 || die 'the build failed, so nothing was replaced.'

if [ "$backup" = yes ] && [ -e "$programs/current" ]; then
    (
        export EXACT="$dotnet $(readlink -f "$programs/current")/Exact.Api.dll"
        with_settings ./backup_and_restore.sh backup
    ) || die 'without a backup nothing was replaced; the earlier version still runs.' \
        'To deploy without one: ./deploy.sh --no-docker --no-backup'
fi

chmod -R go+rX "$release.part"
mv "$release.part" "$release"
ln -sfn "$(basename "$release")" "$programs/current"
sed "s|^ExecStart=/usr/bin/dotnet |ExecStart=$dotnet |" deploy/exact.service >"$unit"
run migrate || die 'the database was not migrated. The cause is above; the service was not started again.'

if ! starts; then
    echo "The files are below $prefix. Nothing was started: systemctl is for a machine's own folders." >&2
    run status
    exit
fi

systemctl daemon-reload
systemctl enable --quiet exact
systemctl restart exact
until run health >/dev/null 2>&1; do
    if ! systemctl is-active --quiet exact; then
        journalctl --unit exact --lines 30 --no-pager --output cat >&2
        die 'the service did not become ready; its last lines are above.'
    fi
    sleep 1
done
run status
systemctl status exact --no-pager --lines 6
# The last two releases are enough to go back.
find "$programs" -mindepth 1 -maxdepth 1 -type d | sort | head -n -2 | xargs -r rm -rf
