// Package render builds kustomizations, for programs and tests that use what config/ holds.
package render

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Kustomization builds the kustomization in a folder. Namespaces come first, so that objects may be applied in the
// order that they are given in.
func Kustomization(path string) ([]*unstructured.Unstructured, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), path)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", path, err)
	}
	var namespaces, others []*unstructured.Unstructured
	for _, resource := range built.Resources() {
		content, err := resource.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("building %s: %s: %w", path, resource.CurId(), err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(content); err != nil {
			return nil, fmt.Errorf("building %s: %s: %w", path, resource.CurId(), err)
		}
		if object.GetKind() == "Namespace" {
			namespaces = append(namespaces, object)
		} else {
			others = append(others, object)
		}
	}
	return append(namespaces, others...), nil
}

// Installation builds config/default with components of config, as an overlay of a user's does. config is the path of
// that folder.
func Installation(config string, components ...string) (_ []*unstructured.Unstructured, err error) {
	overlay, err := os.MkdirTemp("", "overlay")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(overlay)) }()
	if overlay, err = filepath.EvalSymlinks(overlay); err != nil {
		return nil, err
	}
	if config, err = filepath.Abs(config); err != nil {
		return nil, err
	}
	if config, err = filepath.Rel(overlay, config); err != nil { // kustomize takes no absolute path
		return nil, err
	}
	var paths []string
	for _, component := range components {
		paths = append(paths, filepath.Join(config, component))
	}
	text := fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", filepath.Join(config, "default"), strings.Join(paths, ", "))
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	return Kustomization(overlay)
}
