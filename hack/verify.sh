#!/usr/bin/env bash
# Checks what a review should not have to: that everything generated is current, modules are tidy, code is
# formatted and passes the linters, manifests render, and that the checkout holds nothing uncommitted.
# Run by `make verify`, which builds the tools.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

make=${MAKE:-make}
bad=0
say() { echo "verify: $*"; }
no() {
  echo "verify: FAILED: $*" >&2
  bad=1
}

say "generated code, manifests, installer and chart"
"$make" --no-print-directory generate manifests build-installer

say "modules"
for module in $(git ls-files '*go.mod'); do
  folder=$(dirname "$module")
  go -C "$folder" mod tidy -diff || no "$module is not tidy: run 'go -C $folder mod tidy'"
done

say "format"
unformatted=$(git ls-files -co --exclude-standard '*.go' | while read -r file; do [[ -f $file ]] && gofmt -l "$file"; done)
[[ -z $unformatted ]] || no "not formatted (run 'make fmt'): $unformatted"

say "linters"
"$make" --no-print-directory lint || no "the linters found something"

say "workflows"
hack/tools/programs.sh actionlint
bin/programs/actionlint || no "actionlint found something in .github/workflows"

say "kustomizations"
bin/kustomize build config/samples >/dev/null || no "kustomize cannot build config/samples"

say "uncommitted changes"
changes=$(git status --porcelain)
if [[ -n $changes ]]; then
  git --no-pager diff
  no "these files differ from what is committed; if they are generated, commit them with their source:
$changes"
fi

((bad == 0)) && say "all is in order"
exit "$bad"
