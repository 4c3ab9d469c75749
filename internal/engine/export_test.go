package engine

import "time"

// DecideByPlan returns the decision of a well-formed request where a plan decides; false where the stages do.
func (d *Domain) DecideByPlan(req *Request, now time.Time) (decision Decision, decided bool) {
	decided = d.decideByPlan(req, now, &lookup{}, &decision)
	return decision, decided
}

// MaxPlans is how many plans a generation keeps at most, and Plans how many it has.
const MaxPlans = maxPlans

func (d *Domain) Plans() int { return int(d.generation.plans.Load()) }

// ParseValues has every JSON value of users and records parsed, as when each was asked for.
func ParseValues(d *Domain) {
	for a := range d.eachAccount {
		a.attributes.get()
	}
	for _, set := range d.recordSets.all() {
		for i := range set.records {
			set.records[i].properties.get()
		}
	}
}
