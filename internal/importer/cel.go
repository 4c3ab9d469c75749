package importer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/remit-authz/remit/internal/filter"
)

// clause is a CEL expression that gives a bool.
type clause struct {
	text string
	// joint is the operator that binds its parts: "&&", "||", or "" where it needs no parentheses.
	joint string
}

var (
	always = clause{text: "true"}
	never  = clause{text: "false"}
)

func atom(format string, args ...any) clause { return clause{text: fmt.Sprintf(format, args...)} }

// join binds clauses; parts in doubt are in parentheses.
func join(joint string, parts ...clause) clause {
	neutral, deciding := always, never
	if joint == "||" {
		neutral, deciding = never, always
	}
	var texts []string
	last := neutral
	for _, part := range parts {
		switch part {
		case neutral:
			continue
		case deciding:
			return deciding
		}
		last = part
		if part.joint != "" && part.joint != joint {
			texts = append(texts, "("+part.text+")")
		} else {
			texts = append(texts, part.text)
		}
	}
	if len(texts) < 2 {
		return last
	}
	return clause{strings.Join(texts, " "+joint+" "), joint}
}

func and(parts ...clause) clause { return join("&&", parts...) }
func or(parts ...clause) clause  { return join("||", parts...) }

func not(c clause) clause {
	switch c {
	case always:
		return never
	case never:
		return always
	}
	if strings.HasPrefix(c.text, "has(") && c.joint == "" {
		return clause{text: "!" + c.text}
	}
	return clause{text: "!(" + c.text + ")"}
}

// identifier matches names that may stand behind a dot.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// keywords may not.
var keywords = map[string]bool{"in": true, "true": true, "false": true, "null": true}

func plainName(name string) bool { return identifier.MatchString(name) && !keywords[name] }

// member is a member of an object.
func member(object, name string) string {
	if plainName(name) {
		return object + "." + name
	}
	return object + "[" + strconv.Quote(name) + "]"
}

// has says that an object has a member.
func has(object, name string) clause {
	if plainName(name) {
		return atom("has(%s.%s)", object, name)
	}
	return clause{text: strconv.Quote(name) + " in " + object}
}

// literal writes a JSON value.
func literal(v any) string { return filter.Literal(v) }
