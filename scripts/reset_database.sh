#!/usr/bin/env bash
# Deletes all data, builds a new database, and fills it from a backup if one is named.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'TEXT'
usage: scripts/reset_database.sh [--yes] [--no-backup] [FILE]

DELETES ALL DATA and builds a new database. FILE, a backup, fills it. Before it deletes anything, the script asks, tries
FILE with a dry run, and writes a backup. It keeps the old database until the new one is complete, and puts it back if
that fails.

  --yes        do not ask
  --no-backup  write no backup, for a service that cannot write one

EXACT is the command that runs Exact, and PSQL the one that runs psql as a superuser; by default both run in the
containers. DATABASE is the name of the database, exact by default.
TEXT
}

sure=no backup=yes file=
while [ $# -gt 0 ]; do
    case $1 in
        --yes) sure=yes ;;
        --no-backup) backup=no ;;
        -h | --help) usage; exit 0 ;;
        -*) not_understood "\"$1\" is not an option, so nothing was changed." ;;
        *)
            [ -z "$file" ] || not_understood 'reset_database takes only one FILE, so nothing was changed.'
            file=$(path "$1")
            ;;
    esac
    shift
done
database=${DATABASE:-exact}
old=${database}_before_reset

psql_reads() {
    ${PSQL:-docker compose exec -T postgres psql --username=postgres --dbname=postgres} \
        --no-psqlrc --quiet --tuples-only --set=ON_ERROR_STOP=1 --set=database="$database" --set=old="$old"
}

[ -z "$file" ] || { [ -f "$file" ] && [ -r "$file" ]; } ||
    die "there is no readable file $file, so nothing was changed."
[ "$backup" = no ] && [ -z "$file" ] || need_service
if psql_reads <<<"SELECT datname FROM pg_database WHERE datname = :'old'" | grep -q .; then
    die "an interrupted reset left the database $old, so nothing was changed." \
        "It may hold the only copy of the data. Rename it to $database, or drop it if you do not need it."
fi
if [ "$sure" = no ]; then
    read -rp 'This deletes all data. Type "reset" to continue: ' answer || true
    [ "${answer:-}" = reset ] || die 'you did not type "reset", so nothing was changed.'
fi
if [ -n "$file" ]; then
    exact_reads import - --dry-run <"$file" >/dev/null ||
        die "$file cannot be loaded, so nothing was changed. The cause is above."
fi
if [ "$backup" = yes ]; then
    ./backup_and_restore.sh backup || die 'the backup failed, so nothing was deleted. The cause is above.' \
        'To reset without one: scripts/reset_database.sh --no-backup'
fi

set_aside() {
    psql_reads <<'SQL'
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', :'database') \gexec
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :'database' \g /dev/null
SELECT format('ALTER DATABASE %I RENAME TO %I', :'database', :'old') \gexec
SELECT format(
    'CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C''',
    :'database', pg_get_userbyid(datdba))
FROM pg_database WHERE datname = :'old' \gexec
SQL
}

# Puts the old database back, also after a step that stopped half-way.
put_back() {
    psql_reads <<'SQL' || true
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'database') FROM pg_database WHERE datname = :'old' \gexec
SELECT format('ALTER DATABASE %I RENAME TO %I', :'old', :'database') FROM pg_database WHERE datname = :'old' \gexec
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', :'database') \gexec
SQL
    ! in_container || docker compose up --detach api || true
    die 'the new database could not be built, so the old one is in its place again. The cause is above.'
}

fill() {
    if in_container; then
        docker compose up --detach --wait api || { docker compose logs --no-log-prefix --tail 30 api >&2; return 1; }
    fi
    exact migrate || return
    [ -z "$file" ] || exact_reads import - <"$file"
}

trap put_back INT TERM
! in_container || docker compose stop api
set_aside || put_back
fill || put_back
trap - INT TERM
psql_reads <<<"SELECT format('DROP DATABASE %I WITH (FORCE)', :'old') \\gexec"
exact status
