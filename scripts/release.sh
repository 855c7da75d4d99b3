#!/usr/bin/env bash
# Builds what a release consists of, into the folder artifacts/release: for each platform a program in a single file
# that needs no .NET, packed with its settings and the licence; the .NET tool; and their SHA-256.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'TEXT'
usage: scripts/release.sh [--quick] [PLATFORM …]

PLATFORM is linux-x64, linux-arm64, win-x64, osx-arm64 or tool; without one, all of them are built.
With --quick, it does not compile .NET ahead of time: the build takes a third of the time, and the program starts more
slowly. The result goes to artifacts/quick.
The version comes from the git tag: git tag v1.2.0 before you run this.
TEXT
}

out=$PWD/artifacts/release options=()
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --quick) out=$PWD/artifacts/quick options=(-p:PublishReadyToRunComposite=false); shift ;;
esac
platforms=("$@")
[ $# -gt 0 ] || platforms=(linux-x64 linux-arm64 win-x64 osx-arm64 tool)
for platform in "${platforms[@]}"; do
    case $platform in
        linux-x64 | linux-arm64 | win-x64 | osx-arm64 | tool) ;;
        *) echo "error: \"$platform\" is not a platform, so nothing was built." >&2; usage >&2; exit 2 ;;
    esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
version=$(scripts/version.sh)

for platform in "${platforms[@]}"; do
    if [ "$platform" = tool ]; then
        dotnet pack Exact.Api --output "$out" --artifacts-path "$work/build-tool" -p:MinVerVersionOverride="$version" >&2
        continue
    fi
    name=exact-$version-$platform
    dotnet publish Exact.Api --runtime "$platform" --self-contained --output "$work/published" \
        --artifacts-path "$work/build" -p:PublishSingleFile=true -p:IncludeNativeLibrariesForSelfExtract=true \
        -p:DebugType=embedded -p:PackAsTool=false -p:MinVerVersionOverride="$version" ${options[@]+"${options[@]}"} >&2
    mkdir "$work/$name"
    case $platform in win-*) suffix=.exe ;; *) suffix= ;; esac
    cp "$work/published/Exact.Api$suffix" "$work/$name/exact$suffix"
    cp "$work/published/appsettings.json" LICENSE CHANGELOG.md "$work/$name/"
    tar --create --gzip --file "$out/$name.tar.gz" --directory "$work" "$name"
    rm -rf "$work/published" "$work/build"
done
(cd "$out" && sha256sum -- *"$version"* >SHA256SUMS)
ls -l "$out" >&2
