package manifests

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a manifest.
type Problem struct {
	// File as it was found, and the line in it, from 1; 0: the file as a whole.
	File string
	Line int
	// Object is Kind/name where they are known.
	Object string
	// Path of the field, for example spec.rules[0].access; empty: the document as a whole.
	Path string
	// Message says what is wrong and what to do.
	Message string
}

// String formats the problem as one line, the place first: file:line: Kind/name: path: message.
func (p *Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	for _, part := range []string{p.Object, p.Path, p.Message} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String()
}

// Problems are what is wrong with a set of manifests, in the order of the files. As an error it has a line
// for each.
type Problems []*Problem //nolint:errname // problems they are, and an error where they keep something from going on

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// orNil keeps an empty list from becoming an error that is not nil.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
