#!/usr/bin/env bash
# Build kubectl-remit for every platform into bin/release: an archive each, their checksums, and the manifest
# for krew. Archives that are newer than every source file are left as they are.
#
#   VERSION=v1.2.3 hack/dist.sh
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/.."

version=${VERSION:?is the version to stamp in}
# DOWNLOADS is where the archives of a version can be fetched once they are published.
downloads=${DOWNLOADS:-https://github.com/remit-authz/remit/releases/download/$version}
out=bin/release
mkdir -p "$out"

# What the archives are made of: the version, and every file of the repository that goes into them.
sources=$(git ls-files -co --exclude-standard -- '*.go' go.mod go.sum LICENSE config/crd/bases hack/dist.sh hack/kubectl_complete-remit hack/krew.yaml internal/console |
  while read -r file; do [ -f "$file" ] && echo "$file"; done | sort | xargs sha256sum | sha256sum)
stamp="$version $downloads $(go env GOVERSION) $sources"
if [ -f "$out/.stamp" ] && [ "$(cat "$out/.stamp")" = "$stamp" ] && (cd "$out" && sha256sum --quiet --check checksums.txt >/dev/null 2>&1); then
  echo "$out is up to date"
  exit
fi
rm -rf "${out:?}"/* "$out/.stamp"

for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
  os=${platform%/*} arch=${platform#*/} name=kubectl-remit
  [ "$os" = windows ] && name=kubectl-remit.exe
  folder=$out/$os-$arch
  mkdir -p "$folder"
  echo "Building kubectl-remit for $platform"
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" -o "$folder/$name" ./cmd/kubectl-remit
  cp LICENSE hack/kubectl_complete-remit "$folder/"
  # The same files, dates and owners give the same archive.
  tar --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$folder" -cf - LICENSE kubectl_complete-remit "$name" | gzip -n -6 >"$out/kubectl-remit-$os-$arch.tar.gz"
  rm -r "$folder"
done

(cd "$out" && sha256sum ./*.tar.gz | sed 's#\./##' >checksums.txt)
manifest=$(sed -e "s#@VERSION@#v${version#v}#" -e "s#@DOWNLOADS@#$downloads#" hack/krew.yaml)
while read -r sum archive; do
  manifest=${manifest//@$archive@/$sum}
done <"$out/checksums.txt"
echo "$manifest" >"$out/remit.yaml"
echo "$stamp" >"$out/.stamp"
echo "$out has the archives, checksums.txt, and remit.yaml for krew"
