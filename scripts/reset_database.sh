#!/usr/bin/env bash
# Throws the database away and builds a new one, and fills it if a backup is given.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'TEXT'
usage: scripts/reset_database.sh [--yes] [--no-backup] [FILE]

DELETES ALL DATA, then migrates an empty database and, if a backup FILE is given, loads it. Before anything is deleted
it asks, reads FILE with a dry run, and writes a backup. The old database is kept beside the new one until the new one
is full, and takes its place again if that fails.

  --yes        do not ask
  --no-backup  go without the backup, for a service that cannot write one

EXACT is the command that runs Exact, PSQL the one that runs psql as a superuser; by default both run in the containers.
DATABASE is the name of the database, exact by default.
TEXT
}

sure=no backup=yes file=
while [ $# -gt 0 ]; do
    case $1 in
        --yes) sure=yes ;;
        --no-backup) backup=no ;;
        -h | --help) usage; exit 0 ;;
        -*) not_understood "\"$1\" was not understood, so nothing was changed." ;;
        *) [ -z "$file" ] || not_understood 'reset_database takes one FILE.'; file=$(path "$1") ;;
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
    die "the database $old is there, which an interrupted reset has left; nothing was changed." \
        "It may hold the only copy of the data: rename it to $database, or drop it if you do not need it."
fi
if [ "$sure" = no ]; then
    read -rp 'This deletes all data. Type "reset" to go on: ' answer || true
    [ "${answer:-}" = reset ] || die 'not confirmed, so nothing was changed.'
fi
if [ -n "$file" ]; then
    exact_reads import - --dry-run <"$file" >/dev/null ||
        die "$file cannot be loaded, so nothing was changed. The cause is above."
fi
if [ "$backup" = yes ]; then
    ./backup_and_restore.sh backup || die 'without a backup nothing was deleted.' \
        'To go on without one: scripts/reset_database.sh --no-backup'
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

# Also where it stopped half-way.
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
