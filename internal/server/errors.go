package server

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/filter"
	"github.com/remit-authz/remit/internal/server/wire"
)

// statusError is an error that its HTTP status explains to the caller.
type statusError struct {
	status  int
	message string
}

func (e *statusError) Error() string { return e.message }

func statusErrorf(status int, format string, args ...any) error {
	return &statusError{status, fmt.Sprintf(format, args...)}
}

// malformed is an error about a field of the request.
func malformed(field, message string) error {
	return &engine.RequestError{Field: field, Message: message}
}

// classify gives the status and message of an error for the caller. What it does not know is the server's own
// fault, and none of the caller's business.
func classify(err error) (status int, message string) {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status, e.message
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	if e, ok := errors.AsType[*engine.RequestError](err); ok {
		return http.StatusBadRequest, e.Error()
	}
	if e, ok := errors.AsType[*engine.BudgetError](err); ok {
		return http.StatusUnprocessableEntity, "expression_budget: " + e.Error()
	}
	if e, ok := errors.AsType[*engine.FilterError](err); ok {
		return http.StatusUnprocessableEntity, e.Error()
	}
	if e, ok := errors.AsType[*filter.RelationError](err); ok {
		return http.StatusBadRequest, "options." + e.Error()
	}
	if e, ok := errors.AsType[*filter.UnsupportedError](err); ok {
		return http.StatusUnprocessableEntity, e.Error()
	}
	return http.StatusInternalServerError, "internal error"
}
