#!/usr/bin/env bash
# Puts this checkout in place of what runs: back up, build, start, wait until every replica is ready.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
usage: scripts/deploy.sh [--no-backup] [--pull]

  --no-backup  go without the backup that is otherwise written to backups/ first
  --pull       ask for newer base images

EXACT_PORT and EXACT_REPLICAS in .env say where and how many; see docs/operations.md.
TEXT
}

backup=yes pull=()
while [ $# -gt 0 ]; do
    case $1 in
        --no-backup) backup=no ;;
        --pull) pull=(--pull) ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

REVISION=$(git rev-parse HEAD 2>/dev/null || true)
export REVISION

if [ "$backup" = yes ] && [ -n "$(docker compose ps --quiet --status running api)" ]; then
    scripts/backup_and_restore.sh backup
fi
# Built before anything stops: a build that fails leaves the running service alone.
docker compose build "${pull[@]}"
if ! docker compose up --detach --wait --wait-timeout 1800; then
    docker compose logs --no-log-prefix --tail 30 api >&2
    echo 'error: the service did not become ready; its last lines are above' >&2
    exit 1
fi
docker compose exec -T api dotnet Exact.Api.dll status
docker compose ps api
