#!/usr/bin/env bash
# Prints the version of this checkout as MinVer gives it to a build: v1.2.0 is 1.2.0, and five commits later it is
# 1.2.1-alpha.0.5, where a merge counts once. Without a tag, or without git, it is 0.1.0-alpha.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

height=$(git rev-list --count --first-parent HEAD 2>/dev/null) || height=0
# The highest version that has been merged; v1.3.0-rc.1 comes before v1.3.0.
tag=$(git -c versionsort.suffix=- tag --merged HEAD --list 'v[0-9]*' --sort=-version:refname 2>/dev/null |
    grep -E '^v[0-9]+\.[0-9]+\.[0-9]+(-|$)' | head -1) || true
if [ -z "$tag" ]; then
    version=0.1.0-alpha.0
    height=$((height > 0 ? height - 1 : 0)) # from the first commit
else
    version=${tag#v}
    height=$(git rev-list --count --first-parent --ancestry-path "$tag..HEAD")
    if [ "$height" != 0 ] && [[ $version != *-* ]]; then
        version=${version%.*}.$((${version##*.} + 1))-alpha.0
    fi
fi
[ "$height" = 0 ] || version=$version.$height
echo "$version"
