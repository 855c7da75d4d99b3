#!/usr/bin/env bash
# Many replicas, many rounds, random kills: what is claimed of the migrator, with figures. Takes about half an hour.
#   bench/chaos.sh [ROUNDS]    100 rounds by default
set -euo pipefail
cd "$(dirname "$0")/.."
export EXACT_CHAOS_ROUNDS=${1:-100}
dotnet build --configuration Release -p:Chaos=true Exact.Tests
dotnet Exact.Tests/bin/Release/net10.0/Exact.Tests.dll --filter-class Exact.Tests.Migrating.ChaosTests \
    --parallel none --show-live-output on
EXACT_IMPORT_KILLS=$((EXACT_CHAOS_ROUNDS / 2)) dotnet Exact.Tests/bin/Release/net10.0/Exact.Tests.dll \
    --filter-class Exact.Tests.Admin.ImportCrashTests --parallel none
