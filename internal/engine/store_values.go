package engine

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// values are JSON values by name, such as a user's attributes or a record's properties: as they were written, and parsed
// once somebody asks for them. Most are never asked for, and parsed values take several times as much memory.
type values struct {
	written string // names and texts by name, each after its length
	parsed  atomic.Pointer[map[string]any]
}

// keep takes values over. What cannot be parsed is absent, and a problem that wrong is called with.
func (v *values) keep(written map[string]v1alpha1.JSON, wrong func(name string, value v1alpha1.JSON, err error)) {
	if len(written) == 0 {
		return
	}
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(written)) {
		value := written[name]
		if _, err := parse(value); err != nil {
			wrong(name, value, err)
		}
		for _, part := range [...]string{name, string(value.Raw)} {
			text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
		}
	}
	v.written = string(text)
}

// get returns the parsed values; nil if there are none. They must not be changed.
func (v *values) get() map[string]any {
	if v.written == "" {
		return nil
	}
	if parsed := v.parsed.Load(); parsed != nil {
		return *parsed
	}
	parsed := map[string]any{}
	v.each(func(name, text string) {
		if value, err := parse(v1alpha1.JSON{Raw: []byte(text)}); err == nil {
			parsed[name] = value
		}
	})
	v.parsed.Store(&parsed)
	return parsed
}

// source returns the values as they were written; nil if there are none.
func (v *values) source() map[string]v1alpha1.JSON {
	if v.written == "" {
		return nil
	}
	source := map[string]v1alpha1.JSON{}
	v.each(func(name, text string) {
		var value v1alpha1.JSON
		if text != "" {
			value.Raw = []byte(text)
		}
		source[name] = value
	})
	return source
}

func (v *values) each(see func(name, text string)) {
	rest := v.written
	next := func() string {
		length, n := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		text := rest[n : n+int(length)]
		rest = rest[n+int(length):]
		return text
	}
	for rest != "" {
		name := next()
		see(name, next())
	}
}

// sortedUnique sorts a list in place and drops repetitions.
func sortedUnique(list []string) []string {
	if len(list) < 2 {
		return list
	}
	slices.Sort(list)
	return slices.Compact(list)
}
