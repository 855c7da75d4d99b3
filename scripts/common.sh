# The scripts source this file. It goes to the project's folder, runs Exact, and reports errors.
from=${EXACT_FROM:-$PWD} # the caller's folder; the .bat files set it
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "${1:-}" != -- ] || shift # the .bat files put it first; otherwise git takes a --help after its alias
export MSYS_NO_PATHCONV=1 # otherwise Git's bash on Windows translates /run/secrets

die() { printf 'error: %s\n' "$1" >&2; shift; [ $# = 0 ] || printf '       %s\n' "$@" >&2; exit 1; }
not_understood() { printf 'error: %s\n' "$1" >&2; usage >&2; exit 2; }

# Prints the path of a file that the caller named, relative to the caller's folder.
path() { case $1 in /* | [A-Za-z]:[\\/]*) echo "$1" ;; *) echo "$from/$1" ;; esac; }

# EXACT is the command that runs Exact; the default runs it in the container. Only exact_reads passes stdin on.
in_container() { [ -z "${EXACT:-}" ]; }
exact_reads() { command ${EXACT:-docker compose exec -T api dotnet Exact.Api.dll} "$@"; }
exact() { exact_reads "$@" </dev/null; }

need_docker() {
    command -v docker >/dev/null || die 'docker is not installed.' \
        'Install Docker, or set EXACT to the command that runs Exact (see --help).'
    docker compose version >/dev/null 2>&1 || die 'docker has no command compose.' \
        "Install Docker's Compose plugin."
    docker info >/dev/null 2>&1 || die 'Docker does not answer.' \
        'Start it (Docker Desktop, or systemctl start docker), and check that this account may use it.'
}

# Ends the script if another clone whose folder has the same name is deployed here: Compose would take it for this one.
need_own_project() {
    local other
    for other in $(docker compose ps --all --quiet | xargs -r docker inspect \
        --format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' | sort -u); do
        [ ! -d "$other" ] || [ "$other" -ef . ] || die \
            "the clone in $other is deployed under the same name, so nothing was changed." \
            'Write COMPOSE_PROJECT_NAME=another-name into .env here, or rename this folder.'
    done
}

# Ends the script unless the service runs.
need_service() {
    in_container || return 0
    need_docker
    [ -n "$(docker compose ps --quiet --status running --status restarting api)" ] || die \
        'the service does not run, so nothing was changed.' 'Start it: docker compose up --build --detach --wait'
}

# Prints how often Docker has started the service again.
restarts() {
    docker compose ps --all --quiet api | xargs -r docker inspect --format '{{.RestartCount}}' | sort -n | tail -1
}

# Shows the last log lines if the service keeps ending, because this also interrupts commands in the container.
show_crash_loop() {
    in_container && [ "$(restarts)" -gt 0 ] 2>/dev/null || return 0
    echo "The service keeps ending: Docker has started it again $(restarts) times. Its last lines:" >&2
    docker compose logs --no-log-prefix --tail 5 api >&2
}

# The container reads backups/shared as another account. So all accounts can read the files there, in a folder that only
# its owner can enter.
share() {
    mkdir -p backups/shared
    chmod 700 backups
    cp "$1" "backups/shared/.$2.part"
    chmod 644 "backups/shared/.$2.part"
    chmod 755 backups/shared
    mv "backups/shared/.$2.part" "backups/shared/$2"
}
