package engine

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// plainID is what ids have in common that differ by case, width (NFKC), spaces and invisible characters only. Most ids are
// their own.
func plainID(id string) string {
	if !slices.ContainsFunc([]byte(id), func(b byte) bool { return b >= 0x80 || b <= ' ' || 'A' <= b && b <= 'Z' }) {
		return id
	}
	folded := cases.Fold().String(norm.NFKC.String(id))
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, folded))
}

// similarUsers are known users whose ids differ from another one by case, width or spaces only, sorted. Ids are compared as
// they are sent, so each of them is somebody else.
func (d *Domain) similarUsers(id string) []string {
	plain := plainID(id)
	odd, _ := d.oddUsers.get(plain)
	similar := slices.DeleteFunc(slices.Clone(odd), func(other string) bool { return other == id })
	if plain != id {
		if _, known := d.users.get(plain); known {
			similar = insert(similar, plain, strings.Compare)
		}
	}
	return similar
}

// oddUser keeps the known users that are not their own plainID, by that.
func (b *builder) oddUser(id string, known bool) {
	plain := plainID(id)
	if plain == id {
		return
	}
	before, _ := b.oddUsers.get(plain)
	at, found := slices.BinarySearch(before, id)
	switch {
	case known && !found:
		b.oddUsers.set(plain, slices.Insert(slices.Clone(before), at, id))
	case !known && found && len(before) == 1:
		b.oddUsers.delete(plain)
	case !known && found:
		b.oddUsers.set(plain, slices.Delete(slices.Clone(before), at, at+1))
	}
}

// similar tells of a user whose id another user's nearly is.
func (c *nameChecker) similar(path, id string) {
	if id == "" { // of a group
		return
	}
	const most = 3
	others := c.domain.similarUsers(id)
	if len(others) == 0 {
		return
	}
	texts := make([]string, 0, most)
	for _, other := range others[:min(len(others), most)] {
		texts = append(texts, fmt.Sprintf("%q", other))
	}
	c.advice = append(c.advice, Problem{Reason: v1alpha1.ReasonSimilarUsers, Path: path, Value: id, Message: fmt.Sprintf(
		"the user %q differs by case, width or spaces only from %s; ids are compared as they are sent, so these are different users: "+
			"use one spelling, and have applications send it", id, strings.Join(texts, ", "))})
}
