#!/usr/bin/env bash
# Brings the schema of the running deployment up to date. Safe at any time: it deletes nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

usage() {
    cat <<'TEXT'
usage: ./rebuild_database.sh

Applies the migrations that are pending, in the running container. An empty database gets all tables, an older one gets
what is new, and one that is up to date stays as it is. It is safe at any time and never deletes data.

To load a backup: ./backup_and_restore.sh restore FILE
To throw everything away and start over: scripts/reset_database.sh

EXACT is the command that runs Exact, by default the one in the container.
TEXT
}

case ${1:-} in
    '') ;;
    -h | --help) usage; exit 0 ;;
    *) not_understood "rebuild_database takes no arguments, so \"$1\" was not understood and nothing was changed." ;;
esac

# The container knows the migrations that were in the code when it was built.
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
exact migrate || { show_crash_loop; die 'the migrations were not applied; no data was deleted. The cause is above.'; }
