package engine

import "time"

// MeetsCondition reports whether a user meets the memberCondition of a group without any request (S3). The error is that
// of the expression: the user is then not in the group for what it gives, and in it for what it restricts.
func (d *Domain) MeetsCondition(user, group string, now time.Time) (bool, error) {
	g, ok := d.groups.get(group)
	if !ok || g.condition == nil {
		return false, nil
	}
	e := d.principalOf(user, now)
	defer e.release()
	return g.condition.holds(e.memberInput())
}
