#!/usr/bin/env bash
# Prints the folder that holds kube-apiserver, kube-controller-manager and etcd, and sees to it that
# they are there. Progress goes to standard error, the folder alone to standard output.
#
# Looked at in this order:
#   1. KUBEBUILDER_ASSETS, if it holds the servers that are asked for;
#   2. the user's cache folder, by version;
#   3. setup-envtest's published binaries (given up fast when they cannot be reached);
#   4. a build from the modules that this folder's go.mod pins (about nine CPU minutes, once).
#
# Usage: ensure.sh [--build] [--with-controller-manager]
#   --build                     never download; build, if the cache has none
#   --with-controller-manager   kube-controller-manager is needed too (`make run`; tests do without)
set -o errexit -o nounset -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
servers=(kube-apiserver etcd)
download=true
for arg in "$@"; do
  case $arg in
    --build) download=false ;;
    --with-controller-manager) servers+=(kube-controller-manager) ;;
    *) echo "ensure.sh: unknown argument $arg" >&2; exit 2 ;;
  esac
done

say() { echo "control plane: $*" >&2; }

# complete DIR: does DIR hold every server that is asked for?
complete() {
  local server
  for server in "${servers[@]}"; do [[ -x $1/$server ]] || return 1; done
}

if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
  if complete "$KUBEBUILDER_ASSETS"; then
    echo "$KUBEBUILDER_ASSETS"
    exit 0
  fi
  say "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS lacks one of: ${servers[*]}; looking further"
fi

kubernetes=$(cd "$here" && go list -mod=mod -m -f '{{.Version}}' k8s.io/kubernetes)
etcd=$(cd "$here" && go list -mod=mod -m -f '{{.Version}}' go.etcd.io/etcd/server/v3)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/remit/controlplane/$kubernetes-etcd-$etcd-$(go env GOOS)-$(go env GOARCH)

# print_cached prints the folder in the cache that is complete, if there is one: what was built here, or
# what setup-envtest once fetched.
print_cached() {
  local folder
  for folder in "$cache" "$cache/published"; do
    if complete "$folder"; then
      echo "$folder"
      return
    fi
  done
  return 1
}

print_cached && exit 0
mkdir -p "$cache"

# One build at a time, for all who share the cache.
if command -v flock >/dev/null; then
  exec 9>"$cache/.lock"
  if ! flock --nonblock 9; then
    say "another build holds $cache; waiting for it"
    flock 9
  fi
  print_cached && exit 0
fi

# within SECONDS COMMAND…: with a limit, where the system can set one.
within() {
  if command -v timeout >/dev/null; then timeout "$@"; else "${@:2}"; fi
}

# The published archives have no controller manager, so they serve tests only.
if $download && [[ " ${servers[*]} " != *" kube-controller-manager "* ]]; then
  say "asking setup-envtest for the published servers of ${kubernetes#v}"
  if go -C "$here/../tools" build -buildvcs=false -o "$cache/setup-envtest" sigs.k8s.io/controller-runtime/tools/setup-envtest &&
    found=$(within 60 "$cache/setup-envtest" use "${kubernetes#v}" --bin-dir "$cache/envtest" -p path 2>/dev/null) && complete "$found"; then
    ln -sfn "$found" "$cache/published"
    echo "$cache/published"
    exit 0
  fi
  say "it could not get them (no such version, or offline): building from source instead"
fi

say "building ${servers[*]} (Kubernetes $kubernetes, etcd $etcd) from source: about nine CPU minutes, once"
minor=${kubernetes#v1.}
minor=${minor%%.*}
version=k8s.io/component-base/version
stamp="-X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=$minor -X $version.gitTreeState=clean"
build() { # build NAME PACKAGE: to a name of its own first, so that a build cut short leaves nothing half done
  [[ -x $cache/$1 ]] && return
  say "building $1"
  (cd "$here" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $stamp" -o "$cache/.$1.partial" "$2")
  mv "$cache/.$1.partial" "$cache/$1"
}
build etcd go.etcd.io/etcd/server/v3
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
if [[ " ${servers[*]} " == *" kube-controller-manager "* ]]; then
  build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
fi
say "built in $cache"
echo "$cache"
