#!/usr/bin/env bash
# Writes all data to a file, or loads such a file.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

usage() {
    cat <<'TEXT'
usage: ./backup_and_restore.sh [backup [FILE]]
       ./backup_and_restore.sh restore [FILE] [option of the command loaddata]...

A backup goes to db_backup.json, with a dated copy in backups/ and one in backups/shared for the container. If you name
a FILE, the backup goes only there; if the name ends in .gz, it is packed. A backup holds password hashes: keep it
private. A restore loads db_backup.json, or FILE, packed or not. It loads everything or nothing.

Set EXACT to run another Exact than the one in the container:
  EXACT='dotnet run -v q --project Exact.Api --' ./backup_and_restore.sh restore dump.json
TEXT
}

backup() {
    local file=$1 pack=cat
    [ ! -d "$file" ] || die "$file is a folder, so no backup was written." \
        'Name a file: ./backup_and_restore.sh backup FILE'
    [[ $file != *.gz ]] || pack='gzip -c'
    umask 077
    mkdir -p "$(dirname "$file")"
    # A backup gets its name only when it is complete.
    part=$file.$$.part
    trap 'rm -f "$part"' EXIT
    exact dumpdata | $pack >"$part" || {
        status=$?
        show_crash_loop
        die "the backup failed with code $status, so $file was not written. The cause is above."
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
    # A hard link is enough: the next backup replaces the name db_backup.json, not this file.
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
        'Write a backup: ./backup_and_restore.sh, or name your file: ./backup_and_restore.sh restore FILE'
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
        [ $# -le 2 ] || not_understood 'backup takes only one FILE.'
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
    *) not_understood "\"$1\" must be \"backup\" or \"restore\"." ;;
esac
