package console

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// command is the line that shows the same at the terminal, safe to paste into a shell.
func (c *Console) command(name string, args, flags []string) string {
	flags = slices.Concat(flags, c.Flags)
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }) {
		flags, args = nil, slices.Concat(flags, []string{"--"}, args) // what follows the dashes are no flags
	}
	return strings.Join(slices.Concat([]string{"kubectl", "remit", name}, quoteAll(args), quoteAll(flags)), " ")
}

// plainWord means the same to every shell without quotes.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9@:,./_-][A-Za-z0-9@%+=:,./_-]*$`)

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if !plainWord.MatchString(word) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return quoted
}

// link is a path with a query of names and values in turn; empty values are left out.
func link(path string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}
