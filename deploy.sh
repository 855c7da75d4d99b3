#!/usr/bin/env bash
# Deploys the latest version: pulls, builds, backs up, starts, and waits until every replica is ready.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/scripts/common.sh"

usage() {
    cat <<'TEXT'
usage: ./deploy.sh [--no-pull] [--no-backup] [--base-images]
       ./deploy.sh --no-docker [--no-pull] [--no-backup] [--prefix FOLDER]

  --no-pull      deploy what is in this folder; do not run git pull first
  --no-backup    write no backup to db_backup.json and backups/ before anything stops
  --base-images  pull newer base images
  --no-docker    publish with the .NET SDK and install a systemd unit; needs root
  --prefix       with --no-docker: put all files below FOLDER and start nothing

Set the port and the number of replicas with EXACT_PORT and EXACT_REPLICAS in .env; see docs/operations.md.
TEXT
}

pull() {
    command -v git >/dev/null || die 'git is not installed, so the latest version cannot be pulled.' \
        'Deploy what is in this folder: ./deploy.sh --no-pull'
    git pull --ff-only || die 'git pull failed, so nothing was changed. The cause is above.' \
        'Deploy what is in this folder: ./deploy.sh --no-pull'
}

back_up() {
    # On the first deployment nothing runs yet.
    [ -n "$(docker compose ps --quiet --status running --status restarting api)" ] || return 0
    ./backup_and_restore.sh backup || die 'the backup failed, so nothing was replaced. The cause is above.' \
        'To deploy without one: ./deploy.sh --no-backup'
}

# Compose cannot tell a service that keeps ending from one that migrates, and would wait half an hour for both.
start() {
    local before up
    before=$(list_restarts)
    docker compose up --detach --wait --wait-timeout 1800 "$@" &
    up=$!
    while kill -0 "$up" 2>/dev/null; do
        if [ -n "$(keeps_ending "$before")" ]; then
            kill "$up" 2>/dev/null || true
            wait "$up" 2>/dev/null || true
            return 1
        fi
        sleep 1
    done
    wait "$up"
}

# Replaces one replica after the other: a new one is ready before an old one is told to stop. If a new one does not become
# ready, those in $serving go on serving.
roll() {
    local old container config wanted ports
    serving=
    config=$(docker compose config api)
    wanted=$(awk '$1 == "scale:" { print $2 }' <<<"$config")
    ports=$(awk '$1 == "published:" { gsub("\"", "", $2); print $2 }' <<<"$config")
    old=$(docker compose ps --quiet --status running api)
    # One more needs a port of its own, unless only a proxy reaches the replicas. One alone keeps the port that it has.
    case $(wc -w <<<"$old")/$ports in
        0/* | 1/?*) ;;
        */ | */*-*)
            # Alone, because Compose replaces the replicas with it.
            ! grep -qx postgres <<<"$(docker compose config --services)" || start postgres || return 1
            for container in $(tail -n "+$((${wanted:-$(wc -w <<<"$old")} + 1))" <<<"$old"); do
                docker stop "$container" >/dev/null # fewer than before; it leaves its port
                docker rm "$container" >/dev/null
            done
            for container in $(docker compose ps --quiet --status running api); do
                serving=$(docker compose ps --all --quiet api)
                # Not --no-deps, which changes the hash that Compose stores, so that the last start would replace all.
                start --no-recreate --scale api=$(($(wc -w <<<"$serving") + 1)) api || return 1
                docker stop "$container" >/dev/null
                docker rm "$container" >/dev/null
            done
            ;;
    esac
    serving=
    start # one replica alone, what else has changed, and the number of replicas
}

# Prints a line for each container: its id, and how often Docker has started it again.
list_restarts() {
    docker compose ps --all --quiet api | xargs -r docker inspect --format '{{.Id}} {{.RestartCount}}' || true
}

# Prints the containers that Docker has started again three times since list_restarts printed $1.
keeps_ending() {
    awk 'NR == FNR { before[$1] = $2; next } $2 - before[$1] >= 3' <(echo "$1") <(list_restarts 2>/dev/null)
}

main() {
    local options=() pull=yes backup=yes docker=yes build=()
    while [ $# -gt 0 ]; do
        case $1 in
            --no-pull) pull=no ;;
            --no-backup) backup=no; options+=("$1") ;;
            --base-images) build=(--pull); options+=("$1") ;;
            --no-docker) docker=no; options+=("$1") ;;
            --prefix) options+=("$1" "${2:?--prefix needs a folder}"); prefix=$(path "$2"); shift ;;
            -h | --help) usage; exit 0 ;;
            *) not_understood "\"$1\" is not an option, so nothing was changed." ;;
        esac
        shift
    done
    [ "$docker" = no ] || [ -z "${prefix:-}" ] || not_understood '--prefix needs --no-docker, so nothing was changed.'

    [ "$docker" = no ] || { need_docker; need_own_project; }
    if [ "$pull" = yes ]; then
        pull
        exec env EXACT_FROM="$from" ./deploy.sh --no-pull ${options[@]+"${options[@]}"} # the pulled version
    fi

    REVISION=$(git rev-parse HEAD 2>/dev/null || true)
    VERSION=$(scripts/version.sh)
    export REVISION VERSION
    if [ "$docker" = no ]; then
        exec scripts/install_service.sh "$backup" "${prefix:-}"
    fi

    # The build and the backup come before anything stops. If one fails, the running service stays.
    docker compose build ${build[@]+"${build[@]}"} ||
        die 'the build failed, so nothing was replaced. The cause is above.'
    [ "$backup" = no ] || back_up
    if ! roll; then
        local port='If Docker says that the port is already allocated, set another EXACT_PORT in the file .env.'
        docker compose logs --no-log-prefix --tail 30 api >&2
        if [ -n "$serving" ]; then
            { docker compose ps --all --quiet api | grep -vxF "$serving" || true; } | xargs -r docker rm --force >/dev/null
            die 'a new replica did not become ready. Its last log lines are above. Those that were ready go on serving.' \
                "$port"
        fi
        die 'the service did not become ready. Its last log lines are above.' "$port"
    fi
    exact status
    docker compose ps api
}

# Bash has read this file to its end before main runs, because git pull can replace it.
main "$@"; exit
