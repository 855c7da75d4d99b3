# Sourced by the scripts: goes to the project's folder, and knows how to run Exact and how to say what is wrong.
from=${EXACT_FROM:-$PWD} # where the caller stands; the .bat files hand it in
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "${1:-}" != -- ] || shift # the .bat files put it first, because git keeps a --help that follows an alias for itself
export MSYS_NO_PATHCONV=1 # Git's bash on Windows would take /run/secrets for a path of its own

die() { printf 'error: %s\n' "$1" >&2; shift; [ $# = 0 ] || printf '       %s\n' "$@" >&2; exit 1; }
not_understood() { printf 'error: %s\n' "$1" >&2; usage >&2; exit 2; }

# A file that the caller names is relative to where the caller stands.
path() { case $1 in /* | [A-Za-z]:[\\/]*) echo "$1" ;; *) echo "$from/$1" ;; esac; }

# EXACT is the command that runs Exact, by default the one in the container. Its stdin is empty unless it reads a file.
in_container() { [ -z "${EXACT:-}" ]; }
exact_reads() { command ${EXACT:-docker compose exec -T api dotnet Exact.Api.dll} "$@"; }
exact() { exact_reads "$@" </dev/null; }

need_docker() {
    command -v docker >/dev/null || die 'docker is not installed.' \
        'Install Docker, or name the command that runs Exact in EXACT (see --help).'
    docker compose version >/dev/null 2>&1 || die "docker has no command compose: install Docker's Compose plugin."
    docker info >/dev/null 2>&1 || die 'Docker does not answer.' \
        'Start it (Docker Desktop, or systemctl start docker), and see that this account may use it.'
}

# Ends the script unless the service runs, and tells what does.
need_service() {
    in_container || return 0
    need_docker
    [ -n "$(docker compose ps --quiet --status running --status restarting api)" ] || die \
        'the service does not run, so there is nothing to ask.' 'Start it: docker compose up --build --detach --wait'
}

# How often Docker has had to start the service again.
restarts() {
    docker compose ps --all --quiet api | xargs -r docker inspect --format '{{.RestartCount}}' | sort -n | tail -1
}

# Shows why a command in the container was cut off, if it was because the service keeps ending.
show_crash_loop() {
    in_container && [ "$(restarts)" -gt 0 ] 2>/dev/null || return 0
    echo "The service keeps ending: Docker has started it again $(restarts) times. Its last lines:" >&2
    docker compose logs --no-log-prefix --tail 5 api >&2
}

# The container may read backups/shared, as another account. So its files are open, behind a folder that only its owner
# enters.
share() {
    mkdir -p backups/shared
    chmod 700 backups
    cp "$1" "backups/shared/.$2.part"
    chmod 644 "backups/shared/.$2.part"
    chmod 755 backups/shared
    mv "backups/shared/.$2.part" "backups/shared/$2"
}
