package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
)

// Document is one YAML (or JSON) document of a file, or one item of a List in it.
type Document struct {
	// File is the path it was read from, Line where it begins, from 1.
	File string
	Line int
	// APIVersion and Kind as written; empty where they are not strings.
	APIVersion, Kind string
	// JSON is the document as JSON. Numbers keep the text they were written with.
	JSON []byte

	node *yaml.Node
	// marks tell the line of the value that begins at an offset of JSON.
	marks []mark
}

type mark struct{ offset, line int }

// ReadFile reads the documents of a file. Lists are split into their items; empty documents are left out. The error is of
// type Problems; what could be read despite it is returned too.
func ReadFile(path string) ([]*Document, error) {
	documents, problems := readDocuments(path)
	return documents, problems.orNil()
}

func readDocuments(path string) ([]*Document, Problems) {
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{fileProblem(path, err)}
	}
	return parse(path, data)
}

// parse reads the documents of a text; file is what problems name.
func parse(file string, data []byte) ([]*Document, Problems) {
	var documents []*Document
	var problems Problems
	for document, problem := range documentsIn(file, data) {
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		documents = append(documents, document)
	}
	return documents, problems
}

// documentsIn yields the documents of a text one after another, and what is wrong with others.
func documentsIn(file string, data []byte) iter.Seq2[*Document, *Problem] {
	return func(yield func(*Document, *Problem) bool) {
		aliased := 0
		decoder := yaml.NewDecoder(bytes.NewReader(withCharacters(data)))
		for {
			var root yaml.Node
			err := decoder.Decode(&root)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil { // a decoder does not find its way back
				yield(nil, syntaxProblem(file, err))
				return
			}
			for _, node := range unpack(root.Content[0]) {
				document, problem := newDocument(file, node, &aliased)
				if (document != nil || problem != nil) && !yield(document, problem) {
					return
				}
			}
		}
	}
}

var (
	// surrogates matches two escapes of JSON that are one character, after escapes that may be anything else.
	surrogates = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)`)
	// separator matches the line between two documents.
	separator = regexp.MustCompile(`(?m)^---[ \t]*\r?$`)
)

// withCharacters writes the pairs of escapes of documents in JSON as the characters that they are: JSON has them, and YAML,
// which reads JSON otherwise, does not. Lines stay where they are. Half a pair is no character in either.
func withCharacters(data []byte) []byte {
	if !bytes.Contains(data, []byte(`\ud`)) && !bytes.Contains(data, []byte(`\uD`)) {
		return data
	}
	var all []byte
	from := 0
	add := func(document []byte) {
		if isJSON(document) {
			document = surrogates.ReplaceAllFunc(document, func(escape []byte) []byte {
				var character string
				if len(escape) == 2 || json.Unmarshal(slices.Concat([]byte{'"'}, escape, []byte{'"'}), &character) != nil {
					return escape
				}
				return []byte(character)
			})
		}
		all = append(all, document...)
	}
	for _, at := range separator.FindAllIndex(data, -1) {
		add(data[from:at[0]])
		all = append(all, data[at[0]:at[1]]...)
		from = at[1]
	}
	add(data[from:])
	return all
}

// isJSON reports whether a text is one value in JSON, or several one after another.
func isJSON(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// yamlPlace matches the place in an error of the YAML package.
var yamlPlace = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

func syntaxProblem(file string, err error) *Problem {
	text := err.Error()
	place := yamlPlace.FindStringSubmatch(text)
	line, _ := strconv.Atoi(place[1]) // absent: 0
	return &Problem{File: file, Line: line, Message: "not YAML: " + text[len(place[0]):]}
}

// unpack returns the items of a List, such as `kubectl get -o yaml` prints, and any other document as it is.
func unpack(node *yaml.Node) []*yaml.Node {
	items := child(node, "items")
	if items == nil || items.Kind != yaml.SequenceNode || !strings.HasSuffix(text(child(node, "kind")), "List") {
		return []*yaml.Node{node}
	}
	return items.Content
}

// newDocument returns nil for an empty document.
func newDocument(file string, node *yaml.Node, aliased *int) (*Document, *Problem) {
	if node.Kind == yaml.ScalarNode && node.Tag == nullTag {
		return nil, nil
	}
	c := converter{aliased: aliased}
	if err := c.value(node, 0); err != nil {
		return nil, &Problem{File: file, Line: err.line, Path: err.path, Message: err.message}
	}
	return &Document{
		File: file, Line: node.Line, APIVersion: text(child(node, "apiVersion")), Kind: text(child(node, "kind")),
		JSON: c.json, node: node, marks: c.marks,
	}, nil
}

// Problem returns a problem with the field at path of this document.
func (d *Document) Problem(path, message string) *Problem {
	return &Problem{File: d.File, Line: d.line(path), Object: d.object(), Path: path, Message: message}
}

// object returns Kind/name, as far as they are given.
func (d *Document) object() string {
	name := text(child(child(d.node, "metadata"), "name"))
	if d.Kind == "" || name == "" {
		return d.Kind
	}
	return d.Kind + "/" + name
}

// Decode reads the document into a Go value: names of fields are case-sensitive, unknown ones are an error.
// The error is of type Problems.
func (d *Document) Decode(into any) error {
	var problems Problems
	strict, err := kjson.UnmarshalStrict(d.JSON, into)
	for _, err := range strict {
		path, message := strictError(err, reflect.TypeOf(into))
		problems = append(problems, d.Problem(path, message))
	}
	if err != nil {
		path, message := typeError(err)
		problem := d.Problem(path, message)
		if typeErr := (*json.UnmarshalTypeError)(nil); errors.As(err, &typeErr) && typeErr.Offset > 0 { // its path has no indexes
			problem.Line = d.lineAt(int(typeErr.Offset))
		}
		problems = append(problems, problem)
	}
	return problems.orNil()
}

// strictError returns the path and the message of an error about an unknown field.
func strictError(err error, root reflect.Type) (path, message string) {
	fieldErr := kjson.FieldError(nil)
	if !errors.As(err, &fieldErr) {
		return "", err.Error()
	}
	message = "unknown field; remove it"
	if known := knownFields(root, fieldErr.FieldPath()); len(known) > 0 {
		message += ", or use one of " + strings.Join(known, ", ")
	}
	return fieldErr.FieldPath(), message
}

// knownFields returns the names of the fields beside the one at path, where path leads through Go structs.
func knownFields(t reflect.Type, path string) []string {
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	for _, step := range steps[:max(len(steps)-1, 0)] {
		t = elem(t)
		switch t.Kind() {
		case reflect.Struct:
			t = structField(t, step)
		case reflect.Slice, reflect.Map:
			t = t.Elem()
		default:
			return nil
		}
		if t == nil {
			return nil
		}
	}
	if t = elem(t); t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func structField(t reflect.Type, name string) reflect.Type {
	for _, f := range reflect.VisibleFields(t) {
		if jsonName(f) == name {
			return f.Type
		}
	}
	return nil
}

func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// quoteIt ends a message about a text that YAML reads as something else: 12, true, or yes, no, on, off, y, n.
const quoteIt = "; quote it"

// typeError returns the path and the message of an error about a value of the wrong type.
func typeError(err error) (path, message string) {
	if typeErr := (*json.UnmarshalTypeError)(nil); errors.As(err, &typeErr) {
		message = fmt.Sprintf("a JSON %s does not fit here; it takes %s", typeErr.Value, describe(typeErr.Type))
		if typeErr.Type.Kind() == reflect.String && (typeErr.Value == "bool" || typeErr.Value == "number") {
			message += quoteIt
		}
		return typeErr.Field, message
	}
	return "", err.Error()
}

func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return t.String()
}

// lineAt returns the line of the value that the byte before offset belongs to.
func (d *Document) lineAt(offset int) int {
	i := sort.Search(len(d.marks), func(i int) bool { return d.marks[i].offset >= offset })
	if i == 0 {
		return d.Line
	}
	return d.marks[i-1].line
}

// line returns the line of the field at path, or else of the deepest field on the way to it that exists.
func (d *Document) line(path string) int {
	node, line := d.node, d.Line
	for path != "" && node != nil {
		node, path = follow(node, path)
		if node != nil {
			line = node.Line
		}
	}
	return line
}

// follow goes from a node along the first part of a path such as rules[0].presets[a.b].
func follow(node *yaml.Node, path string) (*yaml.Node, string) {
	switch node = resolve(node); node.Kind {
	case yaml.SequenceNode:
		index, rest, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], rest
		}
	case yaml.MappingNode:
		// Keys may hold dots; the longest that fits is meant.
		var found *yaml.Node
		length := 0
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i].Value
			for _, prefix := range []string{key, "." + key, "[" + key + "]"} {
				rest, ok := strings.CutPrefix(path, prefix)
				if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && len(prefix) > length {
					// The line of the key: a value that is a list or an object begins below it.
					found, length = &yaml.Node{Kind: yaml.AliasNode, Alias: node.Content[i+1], Line: node.Content[i].Line}, len(prefix)
				}
			}
		}
		return found, path[length:]
	}
	return nil, ""
}

// resolve follows an alias.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// child returns the value of a key of an object; nil if there is none.
func child(node *yaml.Node, name string) *yaml.Node {
	if node == nil {
		return nil
	}
	if node = resolve(node); node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return resolve(node.Content[i+1])
		}
	}
	return nil
}

// text returns the value of a string node; empty for anything else.
func text(node *yaml.Node) string {
	if node == nil || node.Kind != yaml.ScalarNode || node.Tag != strTag {
		return ""
	}
	return node.Value
}
