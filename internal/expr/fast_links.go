package expr

import "github.com/remit-authz/remit/internal/filter"

// link evaluates a selection from the links of a record.
func (n *fastNode) link(in *Input, r *fastRun) fastValue {
	records := in.Resource.Records
	resourceType := in.Resource.Type
	var from map[string]any
	if n.a != nil {
		if a := n.a.eval(in, r); a.kind != fastLinked {
			return a
		}
		resourceType, from = r.linked, r.object()
	}
	name := n.value.text
	if records == nil {
		return n.nowhere(name)
	}
	target, by, ok := records.LinkField(resourceType, name)
	if !ok {
		return n.nowhere(name)
	}
	value, known := n.linkProperty(in, r, from, name)
	if !known {
		return n.unread(in, r, name)
	}
	if by != "" {
		named, known := n.linkProperty(in, r, from, by)
		if !known {
			return n.unread(in, r, name)
		}
		if target, ok = named.(string); !ok {
			return n.nowhere(name)
		}
	}
	id, ok := filter.LinkText(value)
	if !ok {
		return n.nowhere(name)
	}
	stored, ok := records.Stored(target, id)
	if !ok {
		return n.nowhere(name)
	}
	r.linked, r.held = target, stored
	return fastValue{kind: fastLinked, text: id}
}

// linkProperty looks up a property of the record whose link it is: the resource, or the one that another link leads to.
func (n *fastNode) linkProperty(in *Input, r *fastRun, from map[string]any, name string) (value any, known bool) {
	if n.a != nil {
		value, known = from[name]
		return value, known
	}
	p := &in.Resource.Properties
	if value, known = p.Get(name); !known {
		r.missed = true
		if r.notes {
			p.miss(name)
		}
	}
	return value, known
}

// unread is nowhere, unless the property is one that somebody has yet to look for.
func (n *fastNode) unread(in *Input, r *fastRun, name string) fastValue {
	if n.a == nil && in.Resource.Properties.Partial && !r.notes {
		return fastValue{}
	}
	return n.nowhere(name)
}

// nowhere is what a selection gives that leads to no record.
func (n *fastNode) nowhere(name string) fastValue {
	if n.lenient {
		return fastValue{kind: fastAbsent}
	}
	return fastValue{kind: fastFailed, bits: n.value.bits, text: name}
}

// ofLink evaluates a selection from a linked record.
func (n *fastNode) ofLink(r *fastRun, a fastValue) fastValue {
	if a.kind != fastLinked {
		return a // an optional without a value
	}
	name := n.value.text
	if name == "id" {
		return fastValue{kind: fastText, text: a.text}
	}
	if value, known := r.object()[name]; known {
		return r.load(value)
	}
	return n.nowhere(name)
}

// under evaluates where a record stands in a tree. It bails out where it is far up.
func (n *fastNode) under(in *Input, r *fastRun) fastValue {
	a, b, c := n.a.eval(in, r), n.b.eval(in, r), n.c.eval(in, r)
	switch {
	case a.kind == fastBail || b.kind == fastBail || c.kind == fastBail || a.isLarge() || b.isLarge() || c.isLarge():
		return fastValue{}
	case a.stops():
		return a
	case b.stops() || c.stops():
		return firstStop(b, c)
	case a.kind != fastText:
		return fastValue{}
	}
	id, ok := b.idText()
	ancestor, alsoOK := c.idText()
	switch {
	case !ok || !alsoOK:
		return fastValue{}
	case id == ancestor:
		return fastTruth(true)
	case in.Resource.Records == nil:
		return fastTruth(false)
	}
	is, known := in.Resource.Records.Under(a.text, id, ancestor, fastSteps)
	if !known {
		return fastValue{}
	}
	return fastTruth(is)
}

// idText is the text of an id that is a text or a number.
func (v fastValue) idText() (string, bool) {
	switch v.kind {
	case fastText:
		return v.text, true
	case fastInt:
		return filter.LinkText(v.integer())
	case fastDouble:
		return filter.LinkText(v.double())
	}
	return "", false
}

// linkID evaluates the id of a link that comes as the id or as the record.
func (n *fastNode) linkID(r *fastRun, a fastValue) fastValue {
	if a.kind == fastObject {
		value, known := r.object()["id"]
		if !known {
			return fastValue{kind: fastNull}
		}
		if a = r.load(value); a.kind == fastObject {
			return fastValue{}
		}
	}
	switch a.kind {
	case fastText:
		if a.text == "" {
			return fastValue{kind: fastNull}
		}
		return a
	case fastInt, fastDouble, fastNull:
		return a
	}
	return fastValue{}
}
