#!/usr/bin/env bash
# Writes the data to a file, or brings a file's data back.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
usage: scripts/backup_and_restore.sh backup [FILE]
       scripts/backup_and_restore.sh restore FILE [option of the command import]...

A backup goes to backups/exact-<time>.json unless FILE is given. It holds password hashes: keep it private.
A restore brings back all that the file holds, or changes nothing.

EXACT is the command that runs Exact, by default the one in the container:
  EXACT='dotnet run -v q --project Exact.Api --' scripts/backup_and_restore.sh restore dump.json
TEXT
}

# A file that the caller names is relative to where the caller stands.
path() { [[ $1 = /* ]] && echo "$1" || echo "$from/$1"; }
exact() { ${EXACT:-docker compose exec -T api dotnet Exact.Api.dll} "$@"; }

case ${1:-} in
    backup)
        [ $# -le 2 ] || { usage >&2; exit 2; }
        umask 077
        file=$(path "${2:-$PWD/backups/exact-$(date -u +%Y%m%dT%H%M%SZ).json}")
        mkdir -p "$(dirname "$file")"
        # A backup has its name only when it is whole.
        trap 'rm -f "$file.part"' EXIT
        exact export >"$file.part"
        mv "$file.part" "$file"
        echo "backup: $file ($(du -h "$file" | cut -f1))" >&2
        ;;
    restore)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        file=$(path "$2")
        shift 2
        exact import - "$@" <"$file"
        ;;
    -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
