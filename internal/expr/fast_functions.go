package expr

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/common/ast"
)

// match is startsWith, endsWith and contains.
func (c *fastCompiler) match(name string, args []ast.Expr) fastFunc {
	var holds func(text, part string) bool
	switch name {
	case "startsWith":
		c.cost += fastScan
		holds = strings.HasPrefix
	case "endsWith":
		c.cost += fastScan
		holds = strings.HasSuffix
	case "contains":
		c.cost += fastScan * fastScan
		holds = strings.Contains
	}
	left, right, ok := c.both(args)
	if !ok {
		return nil
	}
	eitherSize := name == "contains"
	return func(in *Input) fastValue {
		l, r := left(in), right(in)
		switch {
		case r.isLarge() || eitherSize && l.isLarge(): // it costs even where the other is an error
			return fastValue{}
		case l.stops() || r.stops():
			return firstStop(l, r)
		case l.kind != fastText || r.kind != fastText:
			return fastFailure(errNoSuchOverload)
		}
		return fastTruth(holds(l.text, r.text))
	}
}

// letters is lowerAscii and upperAscii.
func (c *fastCompiler) letters(upper bool, arg ast.Expr) fastFunc {
	c.cost += 1 + fastScan + fastSize
	x := c.node(arg)
	if x == nil {
		return nil
	}
	first, last, shift := 'A', 'Z', 'a'-'A'
	if upper {
		first, last, shift = 'a', 'z', 'A'-'a'
	}
	change := func(r rune) rune {
		if first <= r && r <= last {
			return r + shift
		}
		return r
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch {
		case v.kind == fastFailed:
			return v
		case v.kind != fastText || v.isLarge():
			return fastValue{}
		}
		v.text = strings.Map(change, v.text)
		return v
	}
}

func (c *fastCompiler) size(arg ast.Expr) fastFunc {
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch v.kind {
		case fastFailed:
			return v
		case fastText:
			return fastValue{kind: fastInt, integer: int64(utf8.RuneCountInString(v.text))}
		case fastTexts, fastList, fastObject:
			return fastValue{kind: fastInt, integer: int64(v.size())}
		}
		return fastValue{}
	}
}

// timestamp is timestamp() of a text.
func (c *fastCompiler) timestamp(arg ast.Expr) fastFunc {
	if literal := fastLiteral(arg); literal.kind == fastText {
		return constant(fastParseTime(literal.text))
	}
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch v.kind {
		case fastFailed, fastInstant:
			return v
		case fastText:
			return fastParseTime(v.text)
		}
		return fastValue{}
	}
}

// The times that CEL has: from the year 1 to 9999.
const (
	minUnixTime = -62135596800
	maxUnixTime = 253402300799
)

// fastParseTime bails out for a text that is no time.
func fastParseTime(text string) fastValue {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Unix() < minUnixTime || t.Unix() > maxUnixTime {
		return fastValue{}
	}
	return fastTime(t)
}

// fastTimeParts are the functions of a time, in UTC.
var fastTimeParts = map[string]func(time.Time) int{
	"getFullYear":     time.Time.Year,
	"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
	"getDate":         time.Time.Day,
	"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
	"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
	"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
	"getHours":        time.Time.Hour,
	"getMinutes":      time.Time.Minute,
	"getSeconds":      time.Time.Second,
	"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / 1e6 },
}

func (c *fastCompiler) timePart(part func(time.Time) int, arg ast.Expr) fastFunc {
	c.cost++
	x := c.node(arg)
	if x == nil {
		return nil
	}
	return func(in *Input) fastValue {
		v := x(in)
		switch v.kind {
		case fastFailed:
			return v
		case fastInstant:
			return fastValue{kind: fastInt, integer: int64(part(time.Unix(v.integer, int64(v.nanos)).UTC()))}
		}
		return fastValue{}
	}
}
