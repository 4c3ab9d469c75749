package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"sync"
	"unicode/utf8"

	kjson "sigs.k8s.io/json"

	"github.com/remit-authz/remit/internal/engine"
)

// Limits of a request's body: its size in bytes, and how deep its lists and objects may be nested.
const (
	maxBody  = 1 << 20
	maxDepth = 64
)

const jsonType = "application/json"

// readBody reads a body that is JSON as far as its headers, size and encoding can tell. Calls limit the size to
// maxBody.
func readBody(r *http.Request) (string, error) {
	if sent := r.Header.Get("Content-Type"); sent != jsonType {
		if media, _, err := mime.ParseMediaType(sent); err != nil || media != jsonType {
			return "", statusErrorf(http.StatusBadRequest, "Content-Type: must be "+jsonType)
		}
	}
	body, _ := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return "", statusErrorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
		}
		return "", statusErrorf(http.StatusBadRequest, "the body ends too early")
	}
	if !utf8.Valid(body.Bytes()) {
		return "", statusErrorf(http.StatusBadRequest, "the body is not UTF-8")
	}
	return body.String(), nil
}

// bodies are buffers to read bodies into, each of which grows to at most twice maxBody.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// tooDeep looks at brackets outside strings. What is no JSON at all is for the decoder to say.
func tooDeep(body string) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return false
}

// decodeJSON decodes a whole body, strictly: names are compared exactly and appear once, integers stay integers
// (int64), and nothing follows. Fields that target does not have are ignored.
func decodeJSON(body string, target any) error {
	if tooDeep(body) {
		return statusErrorf(http.StatusBadRequest, "the body is nested deeper than %d levels", maxDepth)
	}
	duplicates, err := kjson.UnmarshalStrict([]byte(body), target, kjson.DisallowDuplicateFields)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return statusErrorf(http.StatusBadRequest, "the body is not valid: %s is out of range", wrong.Value)
		}
		return malformed(wrong.Field, "cannot be a "+wrong.Value)
	}
	if err != nil {
		return statusErrorf(http.StatusBadRequest, "the body is not valid: %v", err)
	}
	if len(duplicates) > 0 {
		return statusErrorf(http.StatusBadRequest, "the body is not valid: %v", duplicates[0])
	}
	return nil
}

// object is a JSON object of a request. Reading a field of the wrong type gives the zero value and notes the
// problem, for err to tell; what is absent or null gives the zero value and is none.
type object struct {
	path    string
	fields  map[string]any
	problem *error
}

func newObject(fields map[string]any) object { return object{fields: fields, problem: new(error)} }

// readObject reads the object that is the body of a request.
func readObject(r *http.Request) (object, error) {
	body, err := readBody(r)
	if err != nil {
		return object{}, err
	}
	return parseObject(body)
}

// parseObject reads the object that a body is.
func parseObject(body string) (object, error) {
	value, plain := parsePlain(body)
	if !plain {
		value = nil
		if err := decodeJSON(body, &value); err != nil {
			return object{}, err
		}
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return object{}, statusErrorf(http.StatusBadRequest, "the body must be a JSON object")
	}
	return newObject(fields), nil
}

// err is the first problem with what was read, here or in an object inside.
func (o object) err() error { return *o.problem }

func (o object) has(key string) bool { return o.fields[key] != nil }

func (o object) at(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

func (o object) string(key string) string { return field[string](o, key, "must be a string") }

func (o object) bool(key string) bool { return field[bool](o, key, "must be true or false") }

func (o object) list(key string) []any { return field[[]any](o, key, "must be a list") }

func (o object) object(key string) object {
	return object{path: o.at(key), fields: field[map[string]any](o, key, "must be an object"), problem: o.problem}
}

func field[T any](o object, key, message string) T {
	value, ok := o.fields[key].(T)
	if !ok && o.has(key) && *o.problem == nil {
		*o.problem = malformed(o.at(key), message)
	}
	return value
}

// revision reads the option that says how new the state must be that answers.
func (o object) revision() (string, error) {
	revision := o.object("options").string(atLeastRevision)
	return revision, o.err()
}

// request reads the parts of an evaluation. Which of them are required is for the engine to say.
func (o object) request() (*engine.Request, error) {
	subject, action, resource := o.object("subject"), o.object("action"), o.object("resource")
	req := &engine.Request{
		Subject: engine.Subject{
			Type: subject.string("type"), ID: subject.string("id"), Properties: subject.object("properties").fields,
		},
		Action: engine.Action{Name: action.string("name"), Properties: action.object("properties").fields},
		Resource: engine.Resource{
			Type: resource.string("type"), ID: resource.string("id"), Properties: resource.object("properties").fields,
		},
		Context: o.object("context").fields,
	}
	return req, o.err()
}
