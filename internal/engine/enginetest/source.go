package enginetest

// Source is where a generator takes its choices from: a *rand.Rand, or a rapid.T, whose choices shrink
// towards 0. The generators give the plainest result for it.
type Source interface {
	// IntN is a number from 0 to n-1.
	IntN(n int) int
}

// pick chooses one of some; the first is the plainest.
func pick[T any](s Source, from ...T) T { return from[s.IntN(len(from))] }

// chance is true in percent of a hundred cases.
func chance(s Source, percent int) bool { return s.IntN(100) >= 100-percent }

// some chooses each with a chance, in their order.
func some[T any](s Source, percent int, from ...T) []T {
	var chosen []T
	for _, one := range from {
		if chance(s, percent) {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

// atLeastOne chooses some, and one if there are none.
func atLeastOne[T any](s Source, percent int, from ...T) []T {
	if chosen := some(s, percent, from...); len(chosen) > 0 {
		return chosen
	}
	return []T{pick(s, from...)}
}

// upTo makes from 0 to most.
func upTo[T any](s Source, most int, one func() T) []T {
	var made []T
	for range s.IntN(most + 1) {
		made = append(made, one())
	}
	return made
}
