#!/usr/bin/env bash
# Evaluates submissions with four workers that are killed at random, and a server that is restarted once, and prints figures.
# Usage: bench/work.sh [SUBMISSIONS], 200 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
export EXACT_KILL_RUN=${1:-200}
dotnet build --verbosity quiet
dotnet test --no-build -- --filter-class '*KillRunTests' --show-live-output on
