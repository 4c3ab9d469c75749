package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
)

// ErrRevision is the error of a text that is no revision.
var ErrRevision = errors.New("not a revision that this API gave")

// AtLeast says whether what the revision covers includes everything that wanted covers. The error is
// ErrRevision.
func AtLeast(revision, wanted string) (bool, error) {
	have, err := parseRevision(revision)
	if err != nil {
		return false, err
	}
	want, err := parseRevision(wanted)
	if err != nil {
		return false, err
	}
	return have.cover(want), nil
}

// Join gives a revision that covers everything that some others cover; the empty text covers nothing.
// The error is ErrRevision.
func Join(revisions ...string) (string, error) {
	all := newVersions()
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

// RevisionOf is a revision that covers one version of an object.
func RevisionOf(kind engine.Kind, resourceVersion string) string {
	one := newVersions()
	one.see(kind, resourceVersion)
	return one.revision()
}

// versions are the newest resource versions seen, by kind in the order of engine.Kinds; 0: none. The
// resource versions of one kind grow with time, so versions say which changes have been seen.
type versions []uint64

func newVersions() versions { return make(versions, len(engine.Kinds)) }

// see takes note of a resource version. One that is no number, which a conformant API server does not give, is
// left out.
func (v versions) see(kind engine.Kind, resourceVersion string) {
	number, err := strconv.ParseUint(resourceVersion, 10, 64)
	if i := slices.Index(engine.Kinds, kind); err == nil && i >= 0 {
		v[i] = max(v[i], number)
	}
}

func (v versions) seeAll(other versions) {
	for i := range v {
		v[i] = max(v[i], other[i])
	}
}

func (v versions) cover(other versions) bool {
	for i := range v {
		if v[i] < other[i] {
			return false
		}
	}
	return true
}

// newest is the newest resource version of all kinds; they are comparable as they come from one store.
func (v versions) newest() string { return strconv.FormatUint(slices.Max(v), 10) }

// revision writes the versions as the opaque token that callers get.
func (v versions) revision() string {
	parts := make([]string, len(v))
	for i, version := range v {
		parts[i] = strconv.FormatUint(version, 36)
	}
	return strings.Join(parts, "-")
}

func parseRevision(text string) (versions, error) {
	parts := strings.Split(text, "-")
	v := newVersions()
	if len(parts) != len(v) {
		return nil, fmt.Errorf("%q: %w", text, ErrRevision)
	}
	for i, part := range parts {
		var err error
		if v[i], err = strconv.ParseUint(part, 36, 64); err != nil {
			return nil, fmt.Errorf("%q: %w", text, ErrRevision)
		}
	}
	return v, nil
}
