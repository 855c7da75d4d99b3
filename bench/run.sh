#!/usr/bin/env bash
# Measures imports and exports side by side with psql and Django; see README.md. Arguments go to the program: try --help.
set -euo pipefail
exec dotnet run --configuration Release --project "$(dirname "$0")" -- "$@"
