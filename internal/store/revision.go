package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-authz/remit/internal/kinds"
)

// ErrRevision is the error of a text that is not a revision.
var ErrRevision = errors.New("not a revision that this API gave")

// Join returns a revision that covers everything that some others cover, kinds that this version of Remit does not know
// included. The empty text covers nothing. The error is ErrRevision.
func Join(revisions ...string) (string, error) {
	all := versions{}
	for _, revision := range revisions {
		if revision == "" {
			continue
		}
		one, err := parseRevision(revision)
		if err != nil {
			return "", err
		}
		all.seeAll(one)
	}
	return all.revision(), nil
}

// RevisionOf returns a revision that covers one version of an object; nothing for a kind that has no key.
func RevisionOf(kind kinds.Kind, resourceVersion string) string {
	one := versions{}
	one.see(kind, resourceVersion)
	return one.revision()
}

// versions are the newest resource versions seen, by the key of the kind. The resource versions of one kind grow with
// time, so versions say which changes have been seen.
//
// They may have keys that no kind of this build has: what another version of Remit wrote. Such keys are kept, so that a
// revision that passes through this version loses nothing, and are otherwise ignored. So versions of Remit that know
// different kinds understand each other's revisions.
type versions map[string]uint64

// see takes note of a resource version. One that is not a number, which no conformant API server gives, is left out.
func (v versions) see(kind kinds.Kind, resourceVersion string) {
	number, err := strconv.ParseUint(resourceVersion, 10, 64)
	if row, ok := kinds.Find(kind); ok && err == nil {
		v[row.Key] = max(v[row.Key], number)
	}
}

func (v versions) seeAll(other versions) {
	for key, number := range other {
		v[key] = max(v[key], number)
	}
}

// cover reports whether v includes all that other includes of some kinds.
func (v versions) cover(other versions, of []*kinds.Row) bool {
	return !slices.ContainsFunc(of, func(kind *kinds.Row) bool { return v[kind.Key] < other[kind.Key] })
}

// newest is the newest resource version of all kinds; they are comparable as they come from one store.
func (v versions) newest() string {
	newest := uint64(0)
	for _, number := range v {
		newest = max(newest, number)
	}
	return strconv.FormatUint(newest, 10)
}

const (
	// nothing is the revision that covers nothing.
	nothing = "0"
	// base of the numbers in revisions; tokens are short, as every decision has one.
	base = 36
	// longestRevision bounds, in bytes, what is read.
	longestRevision = 1024
)

// revision formats the versions as the opaque token that callers get, such as "ro=2s,us=31": pairs of a kind's key and a
// resource version, sorted. All characters may stand in the query of a URL as they are.
func (v versions) revision() string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if v[key] > 0 {
			pairs = append(pairs, key+"="+strconv.FormatUint(v[key], base))
		}
	}
	if len(pairs) == 0 {
		return nothing
	}
	return strings.Join(pairs, ",")
}

// positional are the keys of the kinds in the order of the revisions that Remit gave before they had keys: all numbers,
// with "-" between them. Callers and admission ledgers may still have such a revision. Remove this list, which never changes,
// in the second minor version that writes pairs.
var positional = []string{"rt", "ro", "gr", "us", "up", "sp", "rs", "pp"}

func parseRevision(text string) (versions, error) {
	v := versions{}
	if text == nothing {
		return v, nil
	}
	bad := fmt.Errorf("%.40q: %w", text, ErrRevision)
	if len(text) > longestRevision {
		return nil, bad
	}
	var keys, numbers []string
	if strings.Contains(text, "=") {
		for pair := range strings.SplitSeq(text, ",") {
			key, number, _ := strings.Cut(pair, "=")
			keys, numbers = append(keys, key), append(numbers, number)
		}
	} else if keys, numbers = positional, strings.Split(text, "-"); len(numbers) != len(positional) {
		return nil, bad
	}
	for i, key := range keys {
		number, err := strconv.ParseUint(numbers[i], base, 64)
		if _, twice := v[key]; err != nil || twice || !isKey(key) {
			return nil, bad
		}
		v[key] = number
	}
	return v, nil
}

func isKey(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })
}
