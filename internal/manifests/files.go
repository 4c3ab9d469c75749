package manifests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// MaxFileSize is the size of the largest file that is read, in bytes. etcd takes objects of about 1.5 MB.
const MaxFileSize = 64 << 20

// Stdin is the path that stands for standard input.
const Stdin = "-"

// readStdin reads standard input, which can be read once.
var readStdin = sync.OnceValues(func() ([]byte, error) { return readAll(os.Stdin, "standard input") })

// found is a file to read.
type found struct {
	path string
	// namespace of the kustomization that the file belongs to; empty: of none.
	namespace string
}

// Files lists the manifests that paths stand for: a file is itself, a folder every *.yaml, *.yml and *.json
// below it, sorted. What is hidden (.git, the data folders of a mounted ConfigMap) and links to folders are
// left out, and so are kustomization files, which are not manifests; Stdin is itself. The error is of type Problems.
func Files(paths []string) ([]string, error) {
	files, problems := find(paths)
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = file.path
	}
	return names, problems.orNil()
}

// find returns the files at the paths, and what is wrong with the paths.
func find(paths []string) ([]found, Problems) {
	var files []found
	var problems Problems
	for _, path := range paths {
		if path == Stdin {
			files = append(files, found{path: path})
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			problems = append(problems, fileProblem(path, err))
		case info.IsDir():
			var more Problems
			files, more = appendFolder(files, path, "")
			problems = append(problems, more...)
		default:
			files = append(files, found{path: path})
		}
	}
	return files, problems
}

// appendFolder appends the manifests below a folder. Of a kustomization only the namespace is read, which
// as in kustomize the folders below it do not change.
func appendFolder(files []found, folder, namespace string) ([]found, Problems) {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return files, Problems{fileProblem(folder, err)}
	}
	var problems Problems
	if namespace == "" {
		namespace, problems = kustomizedNamespace(folder, entries)
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir():
			var more Problems
			files, more = appendFolder(files, path, namespace)
			problems = append(problems, more...)
		case IsManifest(path) && !isFolder(path):
			files = append(files, found{path, namespace})
		}
	}
	return files, problems
}

// kustomizations are the names that kustomize looks for.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomizedNamespace returns the namespace that the kustomization of a folder puts its objects in, if any.
func kustomizedNamespace(folder string, entries []os.DirEntry) (string, Problems) {
	for _, entry := range entries {
		if !slices.Contains(kustomizations, entry.Name()) {
			continue
		}
		documents, problems := readDocuments(filepath.Join(folder, entry.Name()))
		for _, document := range documents {
			if namespace := text(child(document.node, "namespace")); namespace != "" {
				return namespace, problems
			}
		}
		return "", problems
	}
	return "", nil
}

// IsManifest reports whether a file of this name, found in a folder, is read.
func IsManifest(path string) bool {
	name := filepath.Base(path)
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) && !slices.Contains(kustomizations, name)
}

// isFolder follows links. It is false for what cannot be read, so that reading it returns the error.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func readFile(path string) ([]byte, error) {
	if path == Stdin {
		return readStdin()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only: nothing can be lost
	return readAll(file, path)
}

// readAll reads at most MaxFileSize; name is for the error where there is more.
func readAll(from io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%s: larger than %d MiB; split it", name, MaxFileSize>>20)
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
