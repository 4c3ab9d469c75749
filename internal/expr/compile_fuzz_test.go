package expr

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCompile compiles whatever comes: the result is a program, or an *Error whose position lies within the
// source. A program is evaluated, which may fail and must not panic.
func FuzzCompile(f *testing.F) {
	for _, condition := range attributeConditions {
		f.Add(condition)
	}
	for _, source := range []string{
		"", " \n\t", "\x00", "\xff", "a\r\n.b", "é + é é", "'''a\nb''' + ", "subject.idd", "1 + 1", "subject.while == 1", "has(subject)",
		"now <\n  timestamp('x')", "subject.id.matches('(')", "int('x') == 1", "99999999999999999999 == 1", "[?1] == [1]", "{1: 1, 1: 2} == {}",
		"subject.id.format(['%q'])", "[1, 2].all(x, x > 0)", "dyn(resource.properties) in ['a']", "optional.none().orValue(1)", "remit.Subject{id: 'a'}.id == 'a'",
		strings.Repeat("(", 300), strings.Repeat("!", 300) + "true", "context" + strings.Repeat(".a", 300), strings.Repeat("a", 100_001),
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		for place := range environments() {
			p, err := Compile(place, source)
			if err == nil {
				in := attributeInput()
				_, _ = p.Bool(in)
				_, _ = p.Value(in)
				continue
			}
			var at *Error
			if !errors.As(err, &at) {
				t.Fatalf("%T is no *Error: %v", err, err)
			}
			if at.Message == "" {
				t.Error("an error without a message")
			}
			if at.Line == 0 && at.Column == 0 {
				continue
			}
			lines := strings.Split(source, "\n")
			if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > utf8.RuneCountInString(lines[at.Line-1])+1 {
				t.Errorf("the error is at line %d, column %d, outside of %q", at.Line, at.Column, source)
			}
		}
	})
}
