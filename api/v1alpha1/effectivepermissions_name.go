package v1alpha1

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// slugLength bounds the readable part of a made name, so that lists of names stay readable too.
	slugLength = 63
	// hashLength is the number of hexadecimal digits of a made name's hash.
	hashLength = 20
)

// madeName is how made names end.
var madeName = regexp.MustCompile(`-[0-9a-f]{20}$`)

// EffectivePermissionsName is the name of the EffectivePermissions object of a user. It is the user's id
// where that is a valid name, so that one can ask for it without looking it up. Otherwise, as for e-mail
// addresses, it is a readable slug and a hash of the id. No two ids share a name: an id that is a valid
// name but looks like a slug and a hash is treated as one that is not.
func EffectivePermissionsName(user string) string {
	if !strings.ContainsFunc(user, strange) && len(validation.IsDNS1123Subdomain(user)) == 0 && !madeName.MatchString(user) {
		return user
	}
	sum := sha256.Sum256([]byte(user))
	return cmp.Or(slugOf(user), "user") + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// slugOf is what can be read of an id: letters and digits in lower case, with one hyphen for whatever is between them.
func slugOf(user string) string {
	slug := make([]byte, 0, slugLength)
	for _, c := range []byte(strings.ToLower(user)) {
		if len(slug) == slugLength {
			break
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			slug = append(slug, c)
		} else if len(slug) == 0 || slug[len(slug)-1] != '-' {
			slug = append(slug, '-')
		}
	}
	return strings.Trim(string(slug), "-")
}

// strange tells what no name of an object has. To look for it first spares most ids, which are e-mail addresses, a
// message about what names are like.
func strange(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
}
