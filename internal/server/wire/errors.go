package wire

import (
	"encoding/json"
	"errors"
	"fmt"

	kjson "sigs.k8s.io/json"

	"github.com/remit-authz/remit/internal/engine"
)

// Error says what is wrong with the body of a request as a whole.
type Error struct{ message string }

func (e *Error) Error() string { return e.message }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

func malformed(field, message string) error {
	return &engine.RequestError{Field: field, Message: message}
}

// failure says why the text could not be read.
func (r *reader) failure() error {
	if r.err != nil {
		return r.err
	}
	var value any
	duplicates, err := kjson.UnmarshalStrict([]byte(r.text), &value, kjson.DisallowDuplicateFields)
	number, outOfRange := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case outOfRange:
		return errorf("the body is not valid: %s is out of range", number.Value)
	case err != nil:
		return errorf("the body is not valid: %v", err)
	case len(duplicates) > 0:
		return errorf("the body is not valid: %v", duplicates[0])
	}
	return errNoObject
}

var errNoObject = errorf("the body must be a JSON object")

// Decode reads a body that is an object into a Go struct, as encoding/json does but for what the package says. Members
// that the struct does not have are ignored.
func Decode(text string, into any) error {
	if _, err := parseJSON(text); err != nil {
		return err
	}
	err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), into)
	wrong, mismatch := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case mismatch && wrong.Field == "":
		return errNoObject
	case mismatch:
		return malformed(wrong.Field, "cannot be a "+wrong.Value)
	case err != nil:
		return errorf("the body is not valid: %v", err)
	}
	return nil
}
