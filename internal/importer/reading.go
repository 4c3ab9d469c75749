package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reading is one object of an export, of which every member is read, passed over because it decides nothing, or
// named as not read. What a member says is taken narrowly: one that cannot be understood grants nothing and
// restricts, and is told.
//
//	r := im.reading("User Permission", values, p)
//	user := r.text("user")             // marks the member as read
//	hide := r.restricts("hide_descendants")
//	r.pass("creation", "modified")     // decide nothing
//	r.done()                           // names the members that are left
type reading struct {
	im *importer
	// kind is what the object is in its system, for findings.
	kind   string
	values map[string]any
	place  place
	read   map[string]bool
}

// reading begins to read an object.
func (im *importer) reading(kind string, values map[string]any, p place) *reading {
	return &reading{im: im, kind: kind, values: values, place: p, read: map[string]bool{}}
}

// has reports whether the object has a member that says something: one that is neither null nor "".
func (r *reading) has(key string) bool {
	r.read[key] = true
	v := r.values[key]
	return v != nil && v != ""
}

// value is a member as it is; nil where there is none.
func (r *reading) value(key string) any {
	r.read[key] = true
	return r.values[key]
}

// text is a member that has to be a text, or is absent. Numbers are texts, too: ids may be either.
func (r *reading) text(key string) string {
	switch v := r.value(key).(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return fmt.Sprint(v)
	default:
		r.unclear(key, "is neither a text nor a number")
		return ""
	}
}

// grants reports whether a member that widens is set: what cannot be understood is not.
func (r *reading) grants(key string) bool {
	set, ok := yesNo(r.value(key))
	if !ok {
		r.unclear(key, "is neither set nor unset; it is taken to be unset")
	}
	return set && ok
}

// restricts reports whether a member that narrows is set: what cannot be understood is.
func (r *reading) restricts(key string) bool {
	set, ok := yesNo(r.value(key))
	if !ok {
		r.unclear(key, "is neither set nor unset; it is taken to be set")
	}
	return set || !ok
}

// list are the objects of a member that is a list of them, each to be read by itself. Not ok is a member that is
// there and is no such list.
func (r *reading) list(key, kind string) (elements []*reading, ok bool) {
	v := r.value(key)
	if v == nil || v == "" {
		return nil, true
	}
	list, ok := v.([]any)
	if !ok {
		r.unclear(key, "is no list")
		return nil, false
	}
	for i, element := range list {
		p := r.place.at("%s[%d]", key, i)
		values, object := element.(map[string]any)
		if !object {
			r.im.leaveOut(p, "%s: not an object", kind)
			ok = false
			continue
		}
		elements = append(elements, r.im.reading(kind, values, p))
	}
	return elements, ok
}

// pass marks members that decide nothing.
func (r *reading) pass(keys ...string) {
	for _, key := range keys {
		r.read[key] = true
	}
}

// rest are the members that say something and were not read, sorted.
func (r *reading) rest() []string {
	var keys []string
	for key, v := range r.values {
		if !r.read[key] && says(v) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// done names the members that were not read, in one finding for all objects of the kind.
func (r *reading) done() {
	for _, key := range r.rest() {
		r.im.unread(r.place.at("%s", key), false, r.kind+"."+key, "")
	}
}

// unclear reports a member that cannot be understood.
func (r *reading) unclear(key, what string) {
	r.im.leaveOut(r.place.at("%s", key), "%s: %s %s", r.kind, key, what)
}

// unread names a part of an export that is not read. All parts of one name are one finding, at the first.
// Restricting is what could make something narrower: it tells that the grants which it concerns are left out, and
// the caller leaves them out.
func (im *importer) unread(p place, restricting bool, what, because string) {
	if im.notRead == nil {
		im.notRead = map[notRead]*counted{}
	}
	key := notRead{file: p.file, what: what, because: because, restricting: restricting}
	if im.notRead[key] == nil {
		im.notRead[key] = &counted{place: p}
	}
	im.notRead[key].times++
}

// notRead is what parts of an export that are told in one finding have in common.
type notRead struct {
	file, what, because string
	restricting         bool
}

// counted is where something was first, and how often.
type counted struct {
	place place
	times int
}

// tellUnread reports what was named as not read. A name that occurs in many files is told at the first of them.
func (im *importer) tellUnread() {
	type same struct {
		what, because string
		restricting   bool
	}
	const named = 3
	files := map[same][]notRead{}
	for key := range im.notRead {
		s := same{key.what, key.because, key.restricting}
		files[s] = append(files[s], key)
	}
	order := slices.SortedFunc(maps.Keys(files), func(a, b same) int {
		return strings.Compare(a.what+"\x00"+a.because, b.what+"\x00"+b.because)
	})
	for _, s := range order {
		keys := files[s]
		slices.SortFunc(keys, func(a, b notRead) int { return strings.Compare(a.file, b.file) })
		for i, key := range keys {
			part := im.notRead[key]
			var message strings.Builder
			message.WriteString(s.what + ": not read")
			if part.times > 1 {
				fmt.Fprintf(&message, " (%d times)", part.times)
			}
			if s.because != "" {
				message.WriteString(": " + s.because)
			}
			if i == named && len(keys) > named+1 {
				fmt.Fprintf(&message, "; so in %d more files", len(keys)-named-1)
			}
			im.findings = append(im.findings, Finding{part.place.file, part.place.path, s.restricting, message.String()})
			if i == named {
				break
			}
		}
	}
}

// says reports whether a value of an export says anything: null and what is empty does not.
func says(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// yesNo reads what databases and their exports write for yes and no; absent is no. Not ok is anything else.
func yesNo(v any) (set, ok bool) {
	switch v := v.(type) {
	case nil:
		return false, true
	case bool:
		return v, true
	case int64:
		return v == 1, v == 0 || v == 1
	case float64:
		return v == 1, v == 0 || v == 1
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "", "0", "false", "no":
			return false, true
		case "1", "true", "yes":
			return true, true
		}
	}
	return false, false
}
