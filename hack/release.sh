#!/usr/bin/env bash
# What a release takes besides its workflow; RELEASE.md tells the whole.
#
#   hack/release.sh prepare v0.2.0   put the version into config, chart and documentation, and a heading into the changelog
#   hack/release.sh check v0.2.0     fail unless all that is done
#   hack/release.sh notes v0.2.0     print the changelog's section
#   hack/release.sh files v0.2.0     add install.yaml and crds.yaml to bin/release, and to its checksums
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  sed -n 's/^#   //p' "$0" >&2
  exit 2
}
[[ $# == 2 && $2 =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || usage
command=$1 version=$2
# Where the version of the last release stands: what users copy.
pages=(README.md docs/operations.md docs/gitops.md docs/ci.md RELEASE.md)

current() { sed -n 's/.*newTag: \(v[^}]*\)}.*/\1/p' config/default/kustomization.yaml; }
section() { awk -v heading="## [${version#v}]" 'index($0, "## [") == 1 { on = index($0, heading) == 1; next } on' CHANGELOG.md; }

case $command in
prepare)
  last=$(current)
  sed -i "s/newTag: ${last//./\\.}}/newTag: $version}/" config/default/kustomization.yaml
  sed -i -e "s/${last//./\\.}/$version/g" -e "s/\(--version \)${last#v}/\1${version#v}/g" "${pages[@]}"
  grep -qF "## [${version#v}]" CHANGELOG.md ||
    sed -i "s/^## \[Unreleased\]/## [Unreleased]\n\n## [${version#v}] - $(date -u +%F)/" CHANGELOG.md
  "${MAKE:-make}" --no-print-directory build-installer
  echo "Read the difference, commit it, and after the review tag it $version"
  ;;
check)
  bad=0
  no() {
    echo "release.sh: $*; run hack/release.sh prepare $version" >&2
    bad=1
  }
  [[ $(current) == "$version" ]] || no "config/default installs $(current)"
  grep -qx "version: ${version#v}" dist/chart/Chart.yaml || no "dist/chart has another version"
  grep -qF "remit-authz/remit:$version" dist/install.yaml || no "dist/install.yaml has another image"
  for page in "${pages[@]}"; do grep -qF "$version" "$page" || no "$page does not name $version"; done
  [[ -n $(section | tr -d '[:space:]') ]] || no "CHANGELOG.md has nothing about it"
  exit "$bad"
  ;;
notes)
  section
  cat <<NOTES

Install: [operations.md](https://github.com/remit-authz/remit/blob/$version/docs/operations.md#install). What is signed, and how
to check it: [RELEASE.md](https://github.com/remit-authz/remit/blob/$version/RELEASE.md#check-what-you-install).
NOTES
  ;;
files)
  bin/kustomize build config/default >bin/release/install.yaml
  bin/kustomize build config/crd >bin/release/crds.yaml
  (cd bin/release && sha256sum install.yaml crds.yaml >>checksums.txt)
  ;;
*) usage ;;
esac
