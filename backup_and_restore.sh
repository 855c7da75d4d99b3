#!/usr/bin/env bash
# Writes all data to a file, or loads a file.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

usage() {
    cat <<'TEXT'
usage: ./backup_and_restore.sh [backup [FILE]]
       ./backup_and_restore.sh restore [FILE] [option of the command loaddata]...

A backup goes to db_backup.json, with a dated copy in backups/ and one in backups/shared, where the container finds
it; given a FILE, it goes there and nowhere else. A FILE whose name ends in .gz is packed. A backup holds password
hashes: keep it private. A restore loads db_backup.json, or FILE, packed or not: all that it holds, or nothing.

EXACT is the command that runs Exact, by default the one in the container:
  EXACT='dotnet run -v q --project Exact.Api --' ./backup_and_restore.sh restore dump.json
TEXT
}

backup() {
    local file=$1 pack=cat
    [ ! -d "$file" ] || die "$file is a folder: name a file."
    [[ $file != *.gz ]] || pack='gzip -c'
    umask 077
    mkdir -p "$(dirname "$file")"
    # A backup has its name only when it is whole.
    part=$file.$$.part
    trap 'rm -f "$part"' EXIT
    exact dumpdata | $pack >"$part" || {
        status=$?
        show_crash_loop
        die "the backup failed with code $status, so $file was not written."
    }
    mv "$part" "$file"
    echo "backup: $file ($(du -h "$file" | cut -f1))" >&2
}

keep_copies() {
    umask 077
    mkdir -p backups
    chmod 700 backups
    local dated
    dated=backups/exact-$(date -u +%Y%m%dT%H%M%SZ).json
    # The next backup takes the name db_backup.json and leaves this file as it is.
    ln -f db_backup.json "$dated" 2>/dev/null || cp db_backup.json "$dated"
    echo "copy:   $PWD/$dated" >&2
    ! in_container || share db_backup.json db_backup.json
}

restore() {
    local file=$PWD/db_backup.json
    if [ $# -gt 0 ] && [[ $1 != -* ]]; then
        file=$(path "$1")
        shift
    fi
    [ -f "$file" ] && [ -r "$file" ] || die "there is no readable file $file, so nothing was changed." \
        'Make one with ./backup_and_restore.sh, or name yours: ./backup_and_restore.sh restore FILE'
    need_service
    exact_reads loaddata - "$@" <"$file" || {
        status=$?
        show_crash_loop
        [ "$status" = 2 ] && exit 2
        die "$file was not loaded. The cause is above."
    }
}

case ${1:-backup} in
    backup)
        [ $# -le 2 ] || not_understood 'backup takes one FILE.'
        need_service
        if [ $# = 2 ]; then
            backup "$(path "$2")"
        else
            backup "$PWD/db_backup.json"
            keep_copies
        fi
        ;;
    restore) shift; restore "$@" ;;
    -h | --help) usage ;;
    *) not_understood "\"$1\" is neither backup nor restore." ;;
esac
