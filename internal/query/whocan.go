package query

import (
	"fmt"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Users answers who can.
type Users struct {
	// Can are the known users who can, sorted.
	Can []UserFound
	// Notes are sentences about who else can, and who was not looked at.
	Notes []string
}

// UserFound is a user who can, and what decides.
type UserFound struct {
	User string
	// Extent is empty for a question about a record: the user can.
	Extent   engine.Extent
	Decision engine.Decision
}

// WhoCan finds the known users who can take an action on a record; on every or some record of the type where the
// question names none. The subject's id does not count. It is an error if there is no such type or action.
func WhoCan(d *engine.Domain, asked *Asked) (*Users, error) {
	if err := RequireAction(d, asked.Resource.Type, asked.Action.Name); err != nil {
		return nil, err
	}
	request := *asked.Request
	users := &Users{}
	can := func(subjectType, id string) (UserFound, bool, error) {
		request.Subject.Type, request.Subject.ID = subjectType, id
		found := UserFound{User: id}
		var err error
		if !asked.IsAboutType() {
			found.Decision, err = d.Decide(&request, asked.At)
			return found, found.Decision.Allow, err
		}
		found.Extent, found.Decision, err = d.ExtentOf(&request, asked.At)
		return found, found.Extent != engine.Never, err
	}
	for _, user := range d.Users() {
		found, ok, err := can(asked.Subject.Type, user)
		if err != nil {
			return nil, err
		}
		if ok {
			users.Can = append(users.Can, found)
		}
	}
	for _, other := range []struct{ note, subjectType string }{
		{"Users that no object names can, too", asked.Subject.Type},
		{"Anonymous callers can, too", engine.AnonymousType},
	} {
		found, ok, err := can(other.subjectType, unnamedUser)
		switch {
		case err != nil:
			return nil, err
		case ok && found.Extent == engine.Some:
			users.Notes = append(users.Notes, other.note+", on some records: "+Message(found.Extent, &found.Decision))
		case ok:
			users.Notes = append(users.Notes, other.note+": "+found.Decision.Message())
		}
	}
	var claimed []string
	for _, object := range d.Objects(engine.KindGroup) {
		if group, ok := object.(*v1alpha1.Group); ok && len(group.Spec.ExternalGroups) > 0 {
			claimed = append(claimed, group.Name)
		}
	}
	if len(claimed) > 0 {
		users.Notes = append(users.Notes, fmt.Sprintf("Not considered: users who are in a group by their claims alone (%s).", Listed(claimed)))
	}
	return users, nil
}

// unnamedUser stands for whoever no object names; ids in use do not look like it.
const unnamedUser = "(a user whom no object names)"
