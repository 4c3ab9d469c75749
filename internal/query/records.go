package query

import (
	"fmt"

	"github.com/remit-authz/remit/internal/engine"
)

// Records answers which records a user can read: the report Permitted Documents for User.
type Records struct {
	// Found are the records of RecordSets that the user can read, by id.
	Found []RecordFound
	// Notes are sentences: how many of the records these are, and why there are none.
	Notes []string
}

// RecordFound is a record that the user can read.
type RecordFound struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	// Actions are those that the user can take, where they were asked for, sorted.
	Actions []string `json:"actions,omitempty"`
}

// PermittedRecords finds the records of a type that a user can read; the action that counts is ReadAction, with the
// question's action as the one that is asked for. withActions asks for the actions on each.
func PermittedRecords(d *engine.Domain, asked *Asked, withActions bool) (*Records, error) {
	action, err := ReadAction(d, asked.Resource.Type, asked.Action.Name)
	if err != nil {
		return nil, err
	}
	request := *asked.Request
	request.Action.Name = action
	ids, err := d.SearchResources(&request, asked.At)
	if err != nil {
		return nil, err
	}
	records := &Records{Found: make([]RecordFound, len(ids))}
	for i, id := range ids {
		records.Found[i] = RecordFound{Type: asked.Resource.Type, ID: id}
		if withActions {
			request.Resource.ID = id
			if records.Found[i].Actions, err = d.SearchActions(&request, asked.At); err != nil {
				return nil, err
			}
		}
	}
	_, _, known := d.Usage(asked.Resource.Type)
	of := "records"
	if known == 1 {
		of = "record"
	}
	records.Notes = append(records.Notes, fmt.Sprintf("%d of %s %s that RecordSets hold: %s %s.", len(ids), Number(known), of, action, asked.Resource.Type))
	if len(ids) == 0 {
		if decided, err := d.Filter(&request, asked.At); err == nil && decided.Reason != "" {
			records.Notes = append(records.Notes, (&engine.Decision{Reason: decided.Reason, DecidedBy: decided.DecidedBy}).Message())
		}
	}
	return records, nil
}

// Number sets commas between thousands: 1,024.
func Number(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
