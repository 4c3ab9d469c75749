package diff

import (
	"fmt"
	"time"

	"github.com/remit-authz/remit/internal/engine"
)

// Later is what the difference is from a moment on at which a time window begins or ends.
type Later struct {
	At      time.Time `json:"at"`
	Changes []Entry   `json:"changes"`
}

// mostMoments is how many moments are compared.
const mostMoments = 2000

// CompareLater compares at every moment after now at which a time window of either state begins or ends, as Compare does
// at one, and gives those from which on the difference is another one that has an effect. The error is that there are
// too many such moments.
func CompareLater(before, after *engine.Domain, objects []Object, now time.Time, effect Effect, advance func(done, total int)) ([]Later, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	var later []Later
	last := jsonText(Compare(before, after, objects, now, func(int, int) {}).Changes)
	for n, at := 0, now; ; n++ {
		next, ok := before.NextTransition(at)
		if is, alsoOK := after.NextTransition(at); alsoOK && (!ok || is.Before(next)) {
			next, ok = is, true
		}
		if !ok {
			return later, nil
		}
		if n == mostMoments {
			return nil, fmt.Errorf("time windows begin and end at more than %d moments; those up to %s have been compared: ask for the later ones with --at", mostMoments, at.UTC().Format(time.RFC3339))
		}
		at = next
		result := Compare(before, after, objects, at, advance)
		text := jsonText(result.Changes)
		changes := Result{Changes: result.Changes}
		if text != last && changes.Has(effect) {
			later = append(later, Later{at, result.Changes})
		}
		last = text
	}
}
