#!/usr/bin/env bash
# Prints config/default with the manager's image set, without touching a tracked file.
#
# Usage: render.sh KUSTOMIZE IMAGE
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kustomize=$1 image=$2
name=${image%:*} tag=${image##*:}
[[ $image == *:* && $tag != */* ]] || { name=$image tag=latest; }

overlay=$(mktemp -d ./bin/render.XXXXXX)
trap 'rm -rf "$overlay"' EXIT
cat >"$overlay/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../config/default]
images: [{name: ghcr.io/remit-authz/remit, newName: "$name", newTag: "$tag"}]
YAML
"$kustomize" build "$overlay"
