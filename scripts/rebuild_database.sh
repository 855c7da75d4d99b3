#!/usr/bin/env bash
# Drops the database and lets the service build it anew.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
usage: scripts/rebuild_database.sh [--yes] [FILE]

DELETES ALL DATA of the deployment that docker-compose.yml describes, then migrates an empty database and,
if a backup FILE is given, imports it. Asks first, unless --yes is given.
TEXT
}

sure=no file=
while [ $# -gt 0 ]; do
    case $1 in
        --yes) sure=yes ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; exit 2 ;;
        *) [ -z "$file" ] || { usage >&2; exit 2; }; file=$1; [[ $file = /* ]] || file=$from/$file ;;
    esac
    shift
done
[ -z "$file" ] || [ -r "$file" ] || { echo "error: cannot read $file" >&2; exit 1; }

if [ "$sure" = no ]; then
    read -rp 'This deletes all data. Type "rebuild" to go on: ' answer || true
    [ "${answer:-}" = rebuild ] || { echo 'Nothing was changed.' >&2; exit 1; }
fi

docker compose stop api
docker compose up --detach --wait postgres
docker compose exec -T postgres psql --username=postgres --quiet --set=ON_ERROR_STOP=1 \
    --command='DROP DATABASE IF EXISTS exact WITH (FORCE)' \
    --command="CREATE DATABASE exact OWNER exact TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
docker compose up --detach --wait
[ -z "$file" ] || scripts/backup_and_restore.sh restore "$file"
docker compose exec -T api dotnet Exact.Api.dll status
