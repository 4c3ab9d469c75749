#!/usr/bin/env bash
# Lints dist/chart and renders it in each of its shapes, and with values that its schema has to refuse.
#
# Usage: verify-chart.sh HELM
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

helm=$1 chart=dist/chart
bad=0
no() {
  echo "verify-chart: FAILED: $*" >&2
  bad=1
}
# render FLAGS prints what the chart installs.
render() { "$helm" template remit "$chart" --namespace permissions --kube-version 1.37.0 "$@"; }
# kinds FLAGS lists the kinds and names of what the chart installs.
kinds() { render "$@" | awk '/^kind: / { kind = $2 } /^metadata:/ { meta = 1 } meta && /^  name: / { print kind "/" $2; meta = 0 }' | sort; }

"$helm" lint --strict "$chart" || no "helm lint"

for flags in "" \
  "--set certificates.issuer=cert-manager" \
  "--set autoscaling.enabled=true,networkPolicy.enabled=true,podDisruptionBudget.enabled=false,crds.install=false" \
  "--set metrics.enabled=true,metrics.serviceMonitor=true,metrics.prometheusRule=true,metrics.dashboard=true" \
  "--set decisions.authn=none,decisions.defaultDomain=erp,decisions.audiences={remit},priorityClassName=system-cluster-critical,extraArgs={--decision-log=stdout}" \
  "--set podAnnotations.a=b,podLabels.team=iam,extraEnv[0].name=GOGC,extraEnv[0].value=x,serviceAccount.annotations.c=d" \
  "--set extraVolumes[0].name=logs,extraVolumes[0].emptyDir.sizeLimit=1Gi,extraVolumeMounts[0].name=logs,extraVolumeMounts[0].mountPath=/logs" \
  "--set nodeSelector.disk=ssd,tolerations[0].operator=Exists,imagePullSecrets[0].name=pull,image.tag=v9"; do
  # shellcheck disable=SC2086 # several flags
  rendered=$(render $flags) || { no "helm template $flags"; continue; }
  ! grep -q 'remit-system' <<<"$rendered" || no "the chart names the namespace remit-system: $flags"
done

# The chart as it is installs what config/default does, but for the namespace.
diff <(bin/kustomize build config/default | awk '/^kind: / { kind = $2 } /^metadata:/ { meta = 1 } meta && /^  name: / { print kind "/" $2; meta = 0 }' |
  grep -v '^Namespace/' | sort) <(kinds | grep -v '^Pod/remit-test-') || no "the chart installs other objects than config/default"

[[ $(kinds --set certificates.issuer=cert-manager) != *Secret/remit-certs* ]] || no "a Secret in spite of cert-manager"
[[ $(kinds --set certificates.issuer=cert-manager) == *Secret/remit-webhook-path* ]] || no "no Secret for the webhooks' path"
[[ $(render --set metrics.enabled=true,metrics.prometheusRule=true) == *'{{ $labels.pod }} does not serve decisions.'* ]] || no "alerts lost their templates"
[[ $(render --set autoscaling.enabled=true) != *"  replicas: "* ]] || no "replicas in spite of autoscaling"

for flags in decisions.authn=nobody replicas=0 certificates.issuer=vault replica=3 extraArgs[0]=x image.repository= extraVolumes[0].name=certs \
  extraEnv[0].value=x podAnnotations.a.b=c 'podLabels.app\.kubernetes\.io/name=x' tests.image=; do
  ! render --set "$flags" >/dev/null 2>&1 || no "the schema takes $flags"
done

((bad == 0)) && echo "verify-chart: all is in order"
exit "$bad"
