#!/usr/bin/env bash
# Puts the programs that programs.txt lists into bin/programs, as links to the user's cache, where they are built once.
#
# Usage: programs.sh [NAME...]    only these
set -o errexit -o nounset -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$here/../../bin/programs
cache=${XDG_CACHE_HOME:-$HOME/.cache}/remit/tools/$(go env GOOS)-$(go env GOARCH)
mkdir -p "$folder" "$cache"
while read -r name version package; do
  [[ $# == 0 || " $* " == *" $name "* ]] || continue
  if [[ ! -x $cache/$name-$version ]]; then
    echo "Building $name $version (once)" >&2
    built=$(mktemp -d "$cache/build.XXXXXX")
    # Outside of every module, so that the program's own module alone says what it is built of.
    (cd "$built" && GOFLAGS=-buildvcs=false GOBIN=$built CGO_ENABLED=0 go install "$package@$version")
    mv "$built/$(basename "${package%/v[0-9]*}")" "$cache/$name-$version"
    rm -rf "$built"
  fi
  ln -sfn "$cache/$name-$version" "$folder/$name"
done < <(grep -v '^#' "$here/programs.txt")
