package engine

import "time"

// Quick gives the decision of a well-formed request where no stage is gone through; false where they are.
func (d *Domain) Quick(req *Request, now time.Time) (decision Decision, decided bool) {
	answer, refused := d.quick(req, now, &found{})
	switch {
	case answer != nil:
		return *answer, true
	case refused != nil:
		return refused.decision(), true
	}
	return Decision{}, false
}

// MostGiven and Given are how many actions profiles remember at the most, and now.
const MostGiven = mostGiven

func (d *Domain) Given() int { return int(d.era.given.Load()) }
