package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxName leaves room for what makes a name unique.
const maxName = 63

// namer gives names of objects to what may be called anything, each one another.
type namer struct {
	// fallback is the name of what has no letter or digit in its label.
	fallback string
	// plain are labels whose slugs tell them apart.
	plain *regexp.Regexp
	// given are the names by key.
	given map[string]string
	taken map[string]bool
}

func newNamer(fallback string) *namer {
	return &namer{fallback: fallback, plain: plainText, given: map[string]string{}, taken: map[string]bool{}}
}

// name makes a name of the label. It is the same for the same key.
func (n *namer) name(key, label string) string {
	if name, ok := n.given[key]; ok {
		return name
	}
	base := slug(label)
	if base == "" {
		base = n.fallback
	}
	name := base
	for i := 2; n.taken[name]; i++ {
		name = base + "-" + strconv.Itoa(i)
	}
	n.given[key], n.taken[name] = name, true
	return name
}

// Labels whose slugs tell them apart: of things that people name, and of tables.
var (
	plainText  = regexp.MustCompile(`^[A-Za-z0-9]+( [A-Za-z0-9]+)*$`)
	plainTable = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
)

// stable makes a name of the label and the key alone: one that it has in every export, whatever else is in it. What
// the label's slug does not keep is told apart by a hash of the key.
func (n *namer) stable(key, label string, reserved ...string) string {
	given := "stable " + key
	if name, ok := n.given[given]; ok {
		return name
	}
	name := slug(label)
	if key != label || !n.plain.MatchString(label) || len(label) > maxName || n.taken[name] || slices.Contains(reserved, name) {
		sum := sha256.Sum256([]byte(key))
		name = cmp.Or(name, n.fallback)
		name = strings.TrimRight(name[:min(len(name), maxName-9)], "-") + "-" + hex.EncodeToString(sum[:4])
	}
	return n.name(given, name)
}

// slug keeps the ASCII letters and digits of a text, in lower case, with dashes between; it may be empty.
func slug(original string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(original) {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			dash = false
			continue
		}
		dash = true
	}
	name := b.String()
	if len(name) > maxName {
		name = strings.TrimRight(name[:maxName], "-")
	}
	return name
}
