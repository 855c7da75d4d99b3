#!/usr/bin/env bash
# Tests the migrator with many replicas, many rounds and random kills, and failovers of a Patroni cluster (Debian's packages patroni
# and etcd-server), and prints figures. It takes about three quarters of an hour.
# Usage: bench/chaos.sh [ROUNDS], 100 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
export EXACT_CHAOS_ROUNDS=${1:-100}
# The program is compiled ahead, as in the container. That needs more packages; they do not go into packages.lock.json.
tests=$(mktemp --directory)
trap 'rm --recursive "$tests"' EXIT
dotnet publish Exact.Tests --configuration Release --use-current-runtime --no-self-contained -p:PublishReadyToRun=true \
    -p:NuGetLockFilePath=obj/publish.lock.json -p:Chaos=true --output "$tests"
dotnet "$tests/Exact.Tests.dll" --filter-class Exact.Tests.Migrating.ChaosTests --parallel none --show-live-output on
EXACT_IMPORT_KILLS=$((EXACT_CHAOS_ROUNDS / 2)) dotnet "$tests/Exact.Tests.dll" \
    --filter-class Exact.Tests.Transfers.ImportCrashTests --parallel none
EXACT_CHAOS_FAILOVERS=$((EXACT_CHAOS_ROUNDS / 2)) dotnet "$tests/Exact.Tests.dll" \
    --filter-class Exact.Tests.Database.PatroniTests --parallel none --show-live-output on
