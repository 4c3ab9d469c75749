package manifests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFileSize is the size of the largest file that is read, in bytes. etcd takes objects of about 1.5 MB.
const MaxFileSize = 64 << 20

// found is a file to read.
type found struct {
	path string
	// namespace of the kustomization that the file belongs to; empty: of none.
	namespace string
}

// Files lists the manifests that paths stand for: a file is itself, a folder every *.yaml, *.yml and *.json
// below it, sorted. What is hidden (.git, the data folders of a mounted ConfigMap) and links to folders are
// left out, and so are kustomization files, which are not manifests.
func Files(paths []string) ([]string, error) {
	files, err := find(paths)
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = file.path
	}
	return names, err
}

func find(paths []string) ([]found, error) {
	var files []found
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, found{path: path})
			continue
		}
		if files, err = appendFolder(files, path, ""); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// appendFolder appends the manifests below a folder. Of a kustomization only the namespace is read, which
// as in kustomize the folders below it do not change.
func appendFolder(files []found, folder, namespace string) ([]found, error) {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		if namespace, err = kustomizedNamespace(folder, entries); err != nil {
			return nil, err
		}
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir():
			if files, err = appendFolder(files, path, namespace); err != nil {
				return nil, err
			}
		case IsManifest(path) && !isFolder(path):
			files = append(files, found{path, namespace})
		}
	}
	return files, nil
}

// kustomizations are the names that kustomize looks for.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomizedNamespace is the namespace that the kustomization of a folder puts its objects in, if any.
func kustomizedNamespace(folder string, entries []os.DirEntry) (string, error) {
	for _, entry := range entries {
		if !slices.Contains(kustomizations, entry.Name()) {
			continue
		}
		documents, problems := readDocuments(filepath.Join(folder, entry.Name()))
		if len(problems) > 0 {
			return "", problems
		}
		for _, document := range documents {
			if namespace := text(child(document.node, "namespace")); namespace != "" {
				return namespace, nil
			}
		}
	}
	return "", nil
}

// IsManifest says whether a file of this name, found in a folder, is read.
func IsManifest(path string) bool {
	name := filepath.Base(path)
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) && !slices.Contains(kustomizations, name)
}

// isFolder follows links; what cannot be read is no folder, so that reading it gives the error.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only: nothing can be lost
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%s: larger than %d MiB; split it", path, MaxFileSize>>20)
	}
	return data, nil
}

// fileProblem is an error about a file or folder as a whole: the one that the error names, else the given one.
func fileProblem(path string, err error) *Problem {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		path, err = pathErr.Path, pathErr.Err
	}
	return &Problem{File: path, Message: err.Error()}
}
