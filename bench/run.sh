#!/usr/bin/env bash
# Measures imports and exports side by side with psql and Django; see README.md. For the options: --help.
set -euo pipefail
program=$(mktemp --directory)
trap 'rm --recursive "$program"' EXIT
# The program is compiled ahead, as in the container. That needs more packages; they do not go into packages.lock.json.
dotnet publish "$(dirname "$0")" --configuration Release --use-current-runtime --no-self-contained \
    -p:PublishReadyToRun=true -p:NuGetLockFilePath=obj/publish.lock.json \
    --output "$program" --verbosity quiet >&2
dotnet "$program/Exact.Bench.dll" "$@"
