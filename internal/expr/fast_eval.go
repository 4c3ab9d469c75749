package expr

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// eval evaluates a node. What most conditions consist of is done here, the rest in functions that it calls.
func (n *fastNode) eval(in *Input, r *fastRun) fastValue {
	switch n.op {
	case fastConst:
		return n.value
	case fastSubjectType:
		return fastValue{kind: fastText, text: in.Subject.Type}
	case fastSubjectID:
		return fastValue{kind: fastText, text: in.Subject.ID}
	case fastSubjectGroups, fastSubjectRoles:
		return fastValue{kind: fastTexts, bits: uint64(len(n.texts(in)))}
	case fastSubjectStaff:
		return fastTruth(in.Subject.Staff)
	case fastActionName:
		return fastValue{kind: fastText, text: in.Action.Name}
	case fastResourceType:
		return fastValue{kind: fastText, text: in.Resource.Type}
	case fastResourceID:
		return fastValue{kind: fastText, text: in.Resource.ID}
	case fastNow:
		return fastTime(in.Now)
	case fastSubjectAttributes, fastSubjectProperties, fastActionProperties, fastContext:
		object, _ := n.maps(in)
		return r.load(object)
	case fastMember:
		over, base := n.a.maps(in)
		value, known := over[n.value.text]
		if !known {
			value, known = base[n.value.text]
		}
		if known {
			return r.load(value)
		}
		return n.absent(in, r, n.value.text)
	case fastSelect:
		return n.selected(in, r)
	case fastLogic: // the value that decides ends it; an error counts only where nothing decides
		a := n.a.eval(in, r)
		if a.kind == fastBail || a.kind == fastBool && a.bits == n.value.bits {
			return a
		}
		b := n.b.eval(in, r)
		switch {
		case b.kind == fastBail || b.kind == fastBool && b.bits == n.value.bits:
			return b
		case a.kind == fastFailed:
			return a
		case a.kind == fastBool && (b.kind == fastBool || b.kind == fastFailed):
			return b
		}
		return fastNoOverload
	case fastEqual:
		a, b := n.a.eval(in, r), n.b.value
		if n.b.op != fastConst {
			b = n.b.eval(in, r)
		}
		if a.kind == fastText && b.kind == fastText && len(a.text) <= fastSize {
			return fastTruth((a.text == b.text) == n.wanted[1])
		}
		return n.binary(in, r, a, b)
	case fastOrder:
		a, b := n.a.eval(in, r), n.b.eval(in, r)
		if a.kind == fastInt && b.kind == fastInt {
			return fastTruth(n.wanted[cmp.Compare(a.integer(), b.integer())+1])
		}
		return n.binary(in, r, a, b)
	case fastIn, fastPrefix, fastSuffix, fastContains:
		a, b := n.a.eval(in, r), n.b.eval(in, r)
		return n.binary(in, r, a, b)
	case fastInSet:
		a := n.a.eval(in, r)
		if a.stops() {
			return a
		}
		return fastTruth(n.set.contains(a))
	case fastInNodes:
		return n.inNodes(in, r)
	case fastUnder:
		return n.under(in, r)
	case fastLink:
		return n.link(in, r)
	}
	a := n.a.eval(in, r)
	if a.stops() {
		return a
	}
	switch n.op {
	case fastHas:
		return fastTruth(a.kind != fastAbsent)
	case fastOrValue:
		if a.kind != fastAbsent {
			return a
		}
		return n.b.eval(in, r)
	case fastOfLink:
		return n.ofLink(r, a)
	case fastLinkID:
		return n.linkID(r, a)
	case fastNot, fastChoice:
		switch {
		case a.kind != fastBool:
			return fastNoOverload
		case n.op == fastNot:
			return fastTruth(a.bits == 0)
		case a.bits != 0:
			return n.b.eval(in, r)
		}
		return n.c.eval(in, r)
	}
	return n.function(a)
}

// texts is a variable that is a list of names.
func (n *fastNode) texts(in *Input) []string {
	if n.op == fastSubjectGroups {
		return in.Subject.Groups
	}
	return in.Subject.Roles
}

// maps are what a variable with members has them in.
func (n *fastNode) maps(in *Input) (over, base map[string]any) {
	if n.op == fastResourceProperties { // the most frequent
		return in.Resource.Properties.Over, in.Resource.Properties.Base
	}
	switch n.op {
	case fastSubjectAttributes:
		return in.Subject.Attributes, nil
	case fastSubjectProperties:
		return in.Subject.Properties, nil
	case fastActionProperties:
		return in.Action.Properties, nil
	case fastProposed:
		return in.Proposed.Over, in.Proposed.Base
	}
	return in.Context, nil
}

// path is the part of the request that a variable is, whose members are noted where they are missing; empty for others.
func (op fastOp) path() string {
	switch op {
	case fastContext:
		return contextPath
	case fastSubjectProperties:
		return subjectPropertiesPath
	case fastActionProperties:
		return actionPropertiesPath
	default:
		return ""
	}
}

// absent is what a selection gives that finds nothing.
func (n *fastNode) absent(in *Input, r *fastRun, name string) fastValue {
	if path := n.a.op.path(); path != "" {
		if r.missed = true; r.notes {
			Properties{Missed: in.Missed, path: path}.miss(name)
		}
	}
	if n.a.op >= fastResourceProperties {
		p := &in.Resource.Properties
		if n.a.op == fastProposed {
			p = &in.Proposed
		}
		switch {
		case p.Complete:
			return fastValue{kind: fastNull}
		case r.notes:
			p.miss(name)
		case p.Partial:
			return fastValue{}
		}
		r.missed = true
	}
	if n.lenient {
		return fastValue{kind: fastAbsent}
	}
	return fastValue{kind: fastFailed, bits: n.value.bits, text: name}
}

// selected selects from any path, by a constant or by what another node gives.
func (n *fastNode) selected(in *Input, r *fastRun) (a fastValue) {
	ofVariable := n.a.op >= fastSubjectAttributes
	if !ofVariable {
		if a = n.a.eval(in, r); a.kind <= fastAbsent {
			return a
		}
	}
	list, object := r.list(), r.object()
	key := n.b.eval(in, r)
	isText, isIndex := key.kind == fastText, key.kind == fastInt && n.b.op == fastConst
	var value any
	known := false
	switch {
	case key.stops():
		return key
	case !isText && (ofVariable || !isIndex):
		return fastValue{}
	case ofVariable:
		over, base := n.a.maps(in)
		if value, known = over[key.text]; !known {
			value, known = base[key.text]
		}
	case a.kind == fastObject && isText:
		value, known = object[key.text]
	case a.kind == fastTexts || a.kind == fastList:
		if isText || key.bits >= a.bits { // what is negative is too large
			return fastValue{}
		}
		if a.kind == fastTexts {
			return fastValue{kind: fastText, text: n.a.texts(in)[key.bits]}
		}
		value, known = list[key.bits], true
	}
	if known {
		return r.load(value)
	}
	return n.absent(in, r, key.text)
}

// binary evaluates a node with two operands. It bails out where they are so large that the node might cost more than
// its bound, which some do even where the other operand is an error.
func (n *fastNode) binary(in *Input, r *fastRun, a, b fastValue) fastValue {
	large := b.isLarge()
	switch n.op {
	case fastEqual, fastOrder:
		large = large && a.isLarge()
	case fastContains:
		large = large || a.isLarge()
	case fastIn:
		large = large && b.kind != fastObject
	}
	switch {
	case large:
		return fastValue{}
	case a.stops() || b.stops():
		return firstStop(a, b)
	}
	switch n.op {
	case fastEqual:
		same, known := fastSame(a, b)
		if !known {
			return fastValue{}
		}
		return fastTruth(same == n.wanted[1])
	case fastOrder:
		if order, ordered := fastCompare(a, b); ordered {
			return fastTruth(n.wanted[order+1])
		}
		if a.kind == fastNull || a.kind >= fastTexts { // nothing compares with these
			return n.value
		}
	case fastIn:
		return n.in(in, r, a, b)
	default:
		if a.kind == fastText && b.kind == fastText {
			return fastTruth(n.op == fastPrefix && strings.HasPrefix(a.text, b.text) ||
				n.op == fastSuffix && strings.HasSuffix(a.text, b.text) ||
				n.op == fastContains && strings.Contains(a.text, b.text))
		}
	}
	return fastNoOverload
}

// firstStop is the result of a node with two operands, of which one has no value: of two errors the first.
func firstStop(a, b fastValue) fastValue {
	switch {
	case a.kind == fastBail || b.kind == fastBail:
		return fastValue{}
	case a.kind == fastFailed:
		return a
	}
	return b
}

// fastSame is CEL's ==. It is not known for two lists or two objects, which are left to cel-go.
func fastSame(a, b fastValue) (same, known bool) {
	switch {
	case a.kind >= fastTexts:
		return false, b.kind < fastTexts
	case a.kind == fastDouble || b.kind == fastDouble:
		return a.isNumber() && b.isNumber() && a.number() == b.number(), true
	}
	return a == b, true
}

// fastCompare orders two values as CEL's < does; false where it does not order them.
func fastCompare(a, b fastValue) (order int, ordered bool) {
	switch {
	case a.kind == fastText && b.kind == fastText:
		return strings.Compare(a.text, b.text), true
	case a.kind == b.kind && (a.kind == fastInt || a.kind == fastBool || a.kind == fastInstant):
		return cmp.Or(cmp.Compare(a.integer(), b.integer()), cmp.Compare(a.nanos, b.nanos)), true
	case a.isNumber() && b.isNumber():
		return cmp.Compare(a.number(), b.number()), true
	}
	return 0, false
}

// in is in with a list or an object.
func (n *fastNode) in(in *Input, r *fastRun, v, holder fastValue) fastValue {
	switch holder.kind {
	case fastObject:
		_, known := r.object()[v.text]
		return fastTruth(known && v.kind == fastText)
	case fastTexts:
		return fastTruth(v.kind == fastText && slices.Contains(n.b.texts(in), v.text))
	case fastList:
		for _, value := range r.list() {
			element := r.load(value)
			same, known := fastSame(v, element)
			if element.kind == fastBail || !known {
				return fastValue{}
			}
			if same {
				return fastTruth(true)
			}
		}
		return fastTruth(false)
	}
	return fastNoOverload
}

// inNodes is in with a list that is written out and not of constants alone.
func (n *fastNode) inNodes(in *Input, r *fastRun) fastValue {
	v := n.a.eval(in, r)
	found := false
	for _, node := range n.among { // all of them, whatever was found: an error in any is an error
		element := node.eval(in, r)
		if element.stops() {
			return firstStop(v, element)
		}
		if v.stops() || found {
			continue
		}
		same, known := fastSame(v, element)
		if !known {
			return fastValue{}
		}
		found = same
	}
	if v.stops() {
		return v
	}
	return fastTruth(found)
}

// function evaluates a function of a text or a time.
func (n *fastNode) function(a fastValue) fastValue {
	switch {
	case n.op == fastLength && a.kind == fastText && !a.isLarge():
		return fastInteger(utf8.RuneCountInString(a.text))
	case n.op == fastLength && a.kind >= fastTexts:
		return fastInteger(int(a.bits))
	case n.op == fastLetters && a.kind == fastText && !a.isLarge():
		return fastValue{kind: fastText, text: strings.Map(func(letter rune) rune {
			if n.first <= letter && letter < n.first+26 {
				return letter ^ ('a' - 'A')
			}
			return letter
		}, a.text)}
	case n.op == fastParse && a.kind == fastText && !a.isLarge():
		return fastParseTime(a.text)
	case n.op == fastParse && a.kind == fastInstant:
		return a
	case n.op == fastTimePart && a.kind == fastInstant:
		return fastInteger(n.part(time.Unix(a.integer(), int64(a.nanos)).UTC()))
	}
	return fastValue{}
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
