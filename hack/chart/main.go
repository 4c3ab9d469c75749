// Command chart writes the Helm chart in dist/chart from what kustomize builds of config/, so that both install the
// same. What a value of the chart changes is a small edit of an object's text here; what is the chart's own – its
// values, their schema, its notes – is in static/. It runs in the project's root, after `make manifests`.
package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/hack/render"
)

//go:embed all:static
var static embed.FS

// namespace is what config/default installs into; the chart installs into the release's.
const namespace = "remit-system"

func main() {
	files, err := chart("config")
	if err == nil {
		err = write(files, filepath.Join("dist", "chart"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// chart gives the chart's files by their paths.
func chart(config string) (map[string]string, error) {
	plain, err := render.Installation(config)
	if err != nil {
		return nil, err
	}
	// Components bring objects that the chart has under conditions. What they change in others, the edits do.
	extended, err := render.Installation(config, "certmanager", "prometheus", "network-policy", "autoscaling")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, object := range plain {
		if err := add(files, object); err != nil {
			return nil, err
		}
	}
	for _, object := range extended {
		if _, ok := files[path(object)]; ok {
			continue // from plain
		}
		if err := add(files, object); err != nil {
			return nil, err
		}
	}
	return files, addStatic(files, plain)
}

// add adds the template of an object.
func add(files map[string]string, object *unstructured.Unstructured) error {
	if object.GetKind() == "Namespace" {
		return nil // the release's
	}
	text, err := template(object)
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	files[path(object)] = text
	return nil
}

func path(object *unstructured.Unstructured) string {
	if object.GetKind() == "CustomResourceDefinition" {
		return "templates/crds/" + object.GetName() + ".yaml"
	}
	name := strings.TrimPrefix(strings.TrimPrefix(object.GetName(), "remit"), "-")
	return "templates/" + strings.TrimSuffix(strings.ToLower(object.GetKind())+"-"+name, "-") + ".yaml"
}

// template is an object as Helm renders it.
func template(object *unstructured.Unstructured) (string, error) {
	if object.GetKind() == "CustomResourceDefinition" {
		annotations := object.GetAnnotations()
		annotations["helm.sh/resource-policy"] = "keep" // or the objects would go with the release
		object.SetAnnotations(annotations)
	}
	content, err := yaml.Marshal(object.Object)
	if err != nil {
		return "", err
	}
	text := strings.NewReplacer("{{", "{{`{{`}}", "}}", "{{`}}`}}").Replace(string(content))
	text = strings.ReplaceAll(text, namespace, "{{ .Release.Namespace }}")
	text = strings.ReplaceAll(text, "app.kubernetes.io/managed-by: kustomize", "app.kubernetes.io/managed-by: {{ .Release.Service }}")
	for _, edit := range edits(object) {
		if strings.Count(text, edit.old) != 1 {
			return "", fmt.Errorf("it has this %d times, not once:\n%s", strings.Count(text, edit.old), edit.old)
		}
		text = strings.Replace(text, edit.old, edit.with, 1)
	}
	if condition := condition(object); condition != "" {
		text = "{{- if " + condition + " }}\n" + text + "{{- end }}\n"
	}
	return text, nil
}

const (
	self        = `eq .Values.certificates.issuer "self"`
	certManager = `eq .Values.certificates.issuer "cert-manager"`
)

// condition says when an object is installed; empty: always.
func condition(object *unstructured.Unstructured) string {
	switch object.GetKind() {
	case "CustomResourceDefinition":
		return ".Values.crds.install"
	case "Issuer", "Certificate":
		return certManager
	case "PodDisruptionBudget":
		return ".Values.podDisruptionBudget.enabled"
	case "HorizontalPodAutoscaler":
		return ".Values.autoscaling.enabled"
	case "NetworkPolicy":
		return ".Values.networkPolicy.enabled"
	case "ServiceMonitor":
		return "and .Values.metrics.enabled .Values.metrics.serviceMonitor"
	case "PrometheusRule":
		return "and .Values.metrics.enabled .Values.metrics.prometheusRule"
	case "ConfigMap":
		return "and .Values.metrics.enabled .Values.metrics.dashboard"
	}
	switch object.GetName() {
	case "remit-certs": // the Secret, which cert-manager would make
		if object.GetKind() == "Secret" {
			return self
		}
	case "remit-certificates-role", "remit-certificates-rolebinding":
		return self
	case "remit-metrics":
		return ".Values.metrics.enabled"
	}
	return ""
}

// edit replaces a text that is in an object once.
type edit struct{ old, with string }

// edits are what values change in an object.
func edits(object *unstructured.Unstructured) []edit {
	switch object.GetKind() {
	case "Deployment":
		return []edit{
			{"  replicas: 2\n", "  {{- if not .Values.autoscaling.enabled }}\n  replicas: {{ .Values.replicas }}\n  {{- end }}\n"},
			{"        - --cert-secret=remit-certs\n", arguments},
			{"        image: " + image(object) + "\n", `        image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
        imagePullPolicy: {{ .Values.image.pullPolicy }}
`},
			{"        - containerPort: 8081\n          name: probes\n", `        - containerPort: 8081
          name: probes
        {{- if .Values.metrics.enabled }}
        - containerPort: 8080
          name: metrics
        {{- end }}
`},
			{resources(object, 10), "          {{- toYaml .Values.resources | nindent 10 }}\n"},
			{"        kubectl.kubernetes.io/default-container: manager\n      labels:\n", podMetadata},
			{"        livenessProbe:\n", "        {{- with .Values.extraEnv }}\n        env:\n        {{- toYaml . | nindent 8 }}\n        {{- end }}\n        livenessProbe:\n"},
			{"          name: certs\n          readOnly: true\n", "          name: certs\n          readOnly: true\n        {{- with .Values.extraVolumeMounts }}\n        {{- toYaml . | nindent 8 }}\n        {{- end }}\n"},
			{"      volumes:\n", "      volumes:\n      {{- with .Values.extraVolumes }}\n      {{- toYaml . | nindent 6 }}\n      {{- end }}\n"},
			{"      serviceAccountName: remit-controller-manager\n", scheduling},
		}
	case "ServiceAccount":
		return []edit{{"metadata:\n", "metadata:\n  {{- with .Values.serviceAccount.annotations }}\n  annotations:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}\n"}}
	case "HorizontalPodAutoscaler":
		return []edit{
			{"minReplicas: 2\n", "minReplicas: {{ .Values.autoscaling.minReplicas }}\n"},
			{"maxReplicas: 10\n", "maxReplicas: {{ .Values.autoscaling.maxReplicas }}\n"},
			{"averageUtilization: 200\n", "averageUtilization: {{ .Values.autoscaling.averageCPUUtilization }}\n"},
		}
	case "ValidatingWebhookConfiguration":
		return []edit{{"metadata:\n", "metadata:\n  {{- if " + certManager + " }}\n  annotations:\n" +
			"    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/remit-certs\n  {{- end }}\n"}}
	case "Certificate":
		if object.GetName() == "remit-certs" {
			return []edit{{"  issuerRef:\n    kind: Issuer\n    name: remit-ca\n",
				"  issuerRef:\n    {{- toYaml .Values.certificates.issuerRef | nindent 4 }}\n"}}
		}
	}
	return nil
}

const arguments = `        {{- if eq .Values.certificates.issuer "self" }}
        - --cert-secret=remit-certs
        {{- end }}
        - --decision-authn={{ .Values.decisions.authn }}
        {{- if eq .Values.decisions.authn "none" }}
        - --insecure-decision-bind
        {{- end }}
        {{- with .Values.decisions.audiences }}
        - --decision-audiences={{ join "," . }}
        {{- end }}
        {{- with .Values.decisions.defaultDomain }}
        - --default-domain={{ . }}
        {{- end }}
        {{- if .Values.metrics.enabled }}
        - --metrics-bind-address=:8080
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
`

// podMetadata lets values add annotations and labels, but not those that the Deployment selects its pods by.
const podMetadata = `        kubectl.kubernetes.io/default-container: manager
        {{- with .Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      labels:
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
`

const scheduling = `      serviceAccountName: remit-controller-manager
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
`

// addStatic adds what is the chart's own, with what it takes from the Deployment.
func addStatic(files map[string]string, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		name, tag, ok := strings.Cut(image(object), ":v")
		if !ok {
			return fmt.Errorf("the image %s has no version", image(object))
		}
		fill := strings.NewReplacer("@image@", name, "@version@", tag, "@resources@\n", resources(object, 2))
		if err := fs.WalkDir(static, "static", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := static.ReadFile(path)
			files[strings.TrimPrefix(path, "static/")] = fill.Replace(string(text))
			return err
		}); err != nil {
			return err
		}
		files["README.md"] += table(files["values.yaml"])
		return nil
	}
	return errors.New("there is no Deployment")
}

func image(object *unstructured.Unstructured) string {
	return typed(object).Spec.Template.Spec.Containers[0].Image
}

// resources are those of the manager, as YAML that is indented.
func resources(object *unstructured.Unstructured, indent int) string {
	content, err := yaml.Marshal(typed(object).Spec.Template.Spec.Containers[0].Resources)
	if err != nil {
		panic(err) // quantities always marshal
	}
	margin := strings.Repeat(" ", indent)
	return margin + strings.ReplaceAll(strings.TrimSuffix(string(content), "\n"), "\n", "\n"+margin) + "\n"
}

func typed(object *unstructured.Unstructured) *appsv1.Deployment {
	deployment := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment); err != nil {
		panic(err) // kustomize would not have built it
	}
	return deployment
}

// write puts the files in a folder, in place of what is there.
func write(files map[string]string, folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for name, text := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // everybody may read a chart
			return err
		}
	}
	return nil
}

// table is values.yaml as a table for its README: each value that holds no others, with its default and the comment above it,
// which starts with "# -- ".
func table(values string) string {
	var out strings.Builder
	out.WriteString("| Value | Default | |\n|---|---|---|\n")
	lines := strings.Split(values, "\n")
	var parents []string // the names that the line is below
	comment := ""
	for i, line := range lines {
		text := strings.TrimLeft(line, " ")
		if more, ok := strings.CutPrefix(text, "# "); ok {
			comment = strings.TrimPrefix(comment+" "+strings.TrimPrefix(more, "-- "), " ")
			if strings.HasPrefix(more, "-- ") {
				comment = strings.TrimPrefix(more, "-- ")
			}
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			comment = ""
			continue
		}
		depth := (len(line) - len(text)) / 2
		parents = append(parents[:depth], name)
		if value = strings.TrimSpace(value); value == "" {
			below := strings.TrimLeft(lines[i+1], " ")
			if len(lines[i+1])-len(below) <= 2*depth {
				value = `""`
			}
		}
		if value != "" {
			fmt.Fprintf(&out, "| `%s` | `%s` | %s |\n", strings.Join(parents, "."), value, strings.ReplaceAll(comment, "|", `\|`))
			comment = ""
		}
	}
	return out.String()
}
