package importer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// What the classes of JavaScript's regular expressions match, without brackets.
const (
	lineEnds = `\n\r\x{2028}\x{2029}`
	spaces   = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
)

// regularExpression turns a regular expression of JavaScript into one of RE2 that matches the same texts. What
// RE2 does not have, or reads otherwise, is an error. A character beyond U+FFFF counts as one, not as two.
func regularExpression(js string) (string, error) {
	if len(js) >= 2 && strings.HasPrefix(js, "/") && strings.HasSuffix(js, "/") {
		js = js[1 : len(js)-1]
	}
	if js == "" {
		return "", errors.New("no regular expression")
	}
	for _, construct := range []string{"[]", "[^]", "[[:", "{,"} {
		if strings.Contains(js, construct) {
			return "", fmt.Errorf("%s means something else in RE2", construct)
		}
	}
	var b strings.Builder
	class := false
	for i := 0; i < len(js); i++ {
		c := js[i]
		switch {
		case c == '\\':
			escaped, length, err := escape(js[i:], class)
			if err != nil {
				return "", err
			}
			b.WriteString(escaped)
			i += length - 1
			continue
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '.':
			b.WriteString("[^" + lineEnds + "]")
			continue
		case c == '(' && strings.HasPrefix(js[i:], "(?") && !strings.HasPrefix(js[i:], "(?:"):
			return "", errors.New("groups that look around, or have a name, have no counterpart in RE2")
		}
		b.WriteByte(c)
	}
	if _, err := regexp.Compile(b.String()); err != nil {
		return "", fmt.Errorf("not a regular expression of RE2: %w", err)
	}
	return b.String(), nil
}

var unicodeEscape = regexp.MustCompile(`^\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))`)

// escape translates what begins with a backslash, and says how long it was.
func escape(js string, class bool) (string, int, error) {
	if len(js) < 2 {
		return "", 0, errors.New("a backslash at the end")
	}
	if code := unicodeEscape.FindStringSubmatch(js); code != nil {
		return `\x{` + code[1] + code[2] + `}`, len(code[0]), nil
	}
	c := js[1]
	switch {
	case strings.IndexByte("dDwWntrfv", c) >= 0, !class && (c == 'b' || c == 'B'), strings.IndexByte(`\/.*+?()[]{}|^$-`, c) >= 0:
		return js[:2], 2, nil
	case c == 's' && class:
		return spaces, 2, nil
	case c == 's':
		return "[" + spaces + "]", 2, nil
	case c == 'S' && !class:
		return "[^" + spaces + "]", 2, nil
	}
	return "", 0, fmt.Errorf(`\%c has no counterpart in RE2`, c)
}
