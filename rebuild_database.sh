#!/usr/bin/env bash
# Applies the pending migrations to the running deployment. It deletes nothing and is safe at any time.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

usage() {
    cat <<'TEXT'
usage: ./rebuild_database.sh

Applies the pending migrations in the running container. An empty database gets all tables, an older one gets what is
new, and a current one does not change. It never deletes data and is safe at any time.

To load a backup: ./backup_and_restore.sh restore FILE
To delete everything and start over: scripts/reset_database.sh

Set EXACT to run another Exact than the one in the container.
TEXT
}

case ${1:-} in
    '') ;;
    -h | --help) usage; exit 0 ;;
    *) not_understood "rebuild_database takes no argument \"$1\", so nothing was changed." ;;
esac

# Prints the migrations in the code that the container does not know, because it was built before them.
new_in_the_code() {
    local status file name
    status=$(exact status --json) || return 0
    for file in Exact.Infrastructure/Database/Migrations/[0-9]*_*.cs; do
        name=$(basename "$file" .cs)
        [[ $name = *.Designer || ! -e $file || $status = *"\"$name\""* ]] || echo "$name"
    done
}

need_service
if in_container; then
    new=$(new_in_the_code)
    if [ -n "$new" ]; then
        echo "The running container was built before this was added: ${new//$'\n'/, }. Building it again." >&2
        docker compose up --build --detach --wait api >&2
    fi
fi
exact migrate || {
    show_crash_loop
    die 'the migrations were not all applied, and no data was deleted. The cause is above.'
}
