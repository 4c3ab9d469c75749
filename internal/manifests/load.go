package manifests

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// Item is an object and the place it was read from.
type Item struct {
	Object engine.Object
	File   string
	Line   int
}

// The kinds of the API group that no domain is compiled from: one is a file format, the other is computed.
const (
	kindPermissionTest       = "PermissionTest"
	kindEffectivePermissions = "EffectivePermissions"
)

// Load reads the objects of the files and folders that paths name, in the order of the files. An object
// without a namespace is in that of the kustomization of its folder, or else in the given one. Documents of
// other API groups are skipped, and so are PermissionTest and EffectivePermissions. The same kind, namespace
// and name twice is an error that names both places.
//
// The error is of type Problems and has everything that is wrong; the items are those without a problem.
func Load(paths []string, namespace string) ([]Item, error) {
	files, problems := find(paths)
	l := loader{problems: problems, seen: map[string]Item{}}
	for _, file := range files {
		l.load(file.path, cmp.Or(file.namespace, namespace))
	}
	return l.items, l.problems.orNil()
}

// Objects returns the objects of items.
func Objects(items []Item) []engine.Object {
	objects := make([]engine.Object, len(items))
	for i, item := range items {
		objects[i] = item.Object
	}
	return objects
}

// checked is the outcome of checking a document: an object, problems, or neither if it is skipped.
type checked struct {
	object   engine.Object
	problems Problems
	file     string
	line     int
	// twice is the problem that the object would have if there were another of its name.
	twice *Problem
}

// load reads a file. Documents are checked while the next ones are read, several at a time: schemas are much
// of the work. Of those without a problem only the object is kept.
func (l *loader) load(path, namespace string) {
	data, err := readFile(path)
	if err != nil {
		l.problems = append(l.problems, fileProblem(path, err))
		return
	}
	const batch = 64
	var batches [][]checked
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	start := func(documents []*Document) {
		results := make([]checked, len(documents))
		batches = append(batches, results)
		group.Go(func() error {
			for i, document := range documents {
				results[i] = checkOne(document, namespace)
			}
			return nil
		})
	}
	first := len(l.problems)
	documents := make([]*Document, 0, batch)
	for document, problem := range documentsIn(path, data) {
		if problem != nil {
			l.problems = append(l.problems, problem)
			continue
		}
		if documents = append(documents, document); len(documents) == batch {
			start(documents)
			documents = make([]*Document, 0, batch)
		}
	}
	start(documents)
	_ = group.Wait() // there is no error
	for _, results := range batches {
		for i := range results {
			l.add(&results[i])
		}
	}
	slices.SortStableFunc(l.problems[first:], func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
}

func checkOne(document *Document, namespace string) checked {
	c := checked{file: document.File, line: document.Line}
	if skip, problem := classify(document); skip || problem != nil {
		if problem != nil {
			c.problems = Problems{problem}
		}
		return c
	}
	object, errs := Object(document.Kind, document.JSON, namespace, nil)
	for _, err := range errs {
		c.problems = append(c.problems, document.Problem(Path(err), Message(err)))
	}
	if len(errs) == 0 {
		c.object, c.twice = object, document.Problem("metadata.name", "")
	}
	return c
}

type loader struct {
	items    []Item
	problems Problems
	// seen has the items by kind, namespace and name.
	seen map[string]Item
}

func (l *loader) add(c *checked) {
	l.problems = append(l.problems, c.problems...)
	if c.object == nil {
		return
	}
	item := Item{c.object, c.file, c.line}
	key := c.twice.Object + "/" + c.object.GetNamespace() // names have no slashes
	if first, twice := l.seen[key]; twice {
		c.twice.Message = fmt.Sprintf("the same object is in %s:%d too (namespace %s); remove or rename one of them", first.File, first.Line, c.object.GetNamespace())
		l.problems = append(l.problems, c.twice)
		return
	}
	l.seen[key] = item
	l.items = append(l.items, item)
}

// classify reports whether to skip a document, or returns what is wrong with it.
func classify(document *Document) (skip bool, problem *Problem) {
	if document.APIVersion == "" || document.Kind == "" {
		return false, document.Problem("", "not a Kubernetes object: apiVersion and kind are required; move other files out of the folder")
	}
	group, version, _ := strings.Cut(document.APIVersion, "/")
	switch {
	case group != v1alpha1.GroupName:
		return true, nil
	case version != v1alpha1.GroupVersion.Version:
		return false, document.Problem("apiVersion", fmt.Sprintf("the version %q does not exist; use %s", version, v1alpha1.GroupVersion))
	case document.Kind == kindPermissionTest || document.Kind == kindEffectivePermissions:
		return true, nil
	}
	if _, ok := kinds.Find(kinds.Kind(document.Kind)); !ok {
		return false, document.Problem("kind", "unknown kind; use one of "+strings.Join(kindNames(), ", "))
	}
	return false, nil
}
