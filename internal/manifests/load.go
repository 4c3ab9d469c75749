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
)

// Item is an object and the place it was read from.
type Item struct {
	Object engine.Object
	File   string
	Line   int
}

// The kinds of the group that are no part of a domain: the one is a file format, the other computed.
const (
	kindPermissionTest       = "PermissionTest"
	kindEffectivePermissions = "EffectivePermissions"
)

// Load reads the objects of the files and folders that paths name, in the order of the files. An object
// without a namespace is in that of the kustomization of its folder, or else in the given one. Documents of
// other API groups are skipped, and so are PermissionTest and EffectivePermissions. The same kind, namespace
// and name twice is an error that names both places.
//
// The error is of type Problems and tells everything that is wrong; the items are those without a problem.
func Load(paths []string, namespace string) ([]Item, error) {
	files, problems := find(paths)
	l := loader{problems: problems, seen: map[string]Item{}}
	for _, file := range files {
		documents, problems := readDocuments(file.path)
		first := len(l.problems)
		l.problems = append(l.problems, problems...)
		for _, c := range check(documents, cmp.Or(file.namespace, namespace)) {
			l.add(c)
		}
		slices.SortStableFunc(l.problems[first:], func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	}
	return l.items, l.problems.orNil()
}

// Objects are the objects of items.
func Objects(items []Item) []engine.Object {
	objects := make([]engine.Object, len(items))
	for i, item := range items {
		objects[i] = item.Object
	}
	return objects
}

// checked is a document and what became of it: an object, problems, or neither where it is skipped.
type checked struct {
	document *Document
	object   engine.Object
	problems Problems
}

// check checks documents, several at a time: schemas are most of the work of loading.
func check(documents []*Document, namespace string) []checked {
	results := make([]checked, len(documents))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, document := range documents {
		group.Go(func() error {
			results[i] = checkOne(document, namespace)
			return nil
		})
	}
	_ = group.Wait() // there is no error
	return results
}

func checkOne(document *Document, namespace string) checked {
	c := checked{document: document}
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
		c.object = object
	}
	return c
}

type loader struct {
	items    []Item
	problems Problems
	// seen has the items by kind, namespace and name.
	seen map[string]Item
}

func (l *loader) add(c checked) {
	l.problems = append(l.problems, c.problems...)
	if c.object == nil {
		return
	}
	item := Item{c.object, c.document.File, c.document.Line}
	key := c.document.Kind + "/" + c.object.GetNamespace() + "/" + c.object.GetName()
	if first, twice := l.seen[key]; twice {
		l.problems = append(l.problems, c.document.Problem("metadata.name", fmt.Sprintf(
			"the same object is in %s:%d too (namespace %s); remove or rename one of them", first.File, first.Line, c.object.GetNamespace())))
		return
	}
	l.seen[key] = item
	l.items = append(l.items, item)
}

// classify says whether a document is to be skipped, or why it cannot be.
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
	case kinds[document.Kind] == nil:
		return false, document.Problem("kind", "unknown kind; use one of "+strings.Join(kindNames(), ", "))
	}
	return false, nil
}
