package manifests

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The limits of what a document may hold, besides the size of its file.
const (
	// maxDepth bounds how deep objects and lists lie in one another; it ends aliases that hold themselves.
	maxDepth = 100
	// maxAliased bounds what the aliases of one file may stand for, in bytes: those of texts, and valueCost
	// for each value besides.
	maxAliased = 32 << 20
	valueCost  = 32
)

// The tags of YAML that have a JSON counterpart.
const (
	nullTag      = "!!null"
	boolTag      = "!!bool"
	intTag       = "!!int"
	floatTag     = "!!float"
	strTag       = "!!str"
	timestampTag = "!!timestamp"
	mergeTag     = "!!merge"
	seqTag       = "!!seq"
	mapTag       = "!!map"
)

// converter writes YAML nodes as JSON. It reads YAML as kubectl does, whose parser knows more booleans than
// YAML 1.2 (yes, on, …), with one difference: numbers keep their text, so that 12.0 stays a float. A JSON
// number in a decision is an integer or not by how it is written.
type converter struct {
	json  []byte
	marks []mark
	// aliased counts what was written for aliases, over all documents of a file.
	aliased *int
	inAlias bool
	path    []step
}

// step is one part of the path to a value: the name of a key, or the index in a list.
type step struct {
	name  string
	index int
}

// convertError is the error of a document that cannot be converted to JSON.
type convertError struct {
	line    int
	path    string
	message string
}

func (c *converter) errorf(node *yaml.Node, format string, args ...any) *convertError {
	var path strings.Builder
	for i, s := range c.path {
		switch {
		case s.name == "":
			fmt.Fprintf(&path, "[%d]", s.index)
		case i > 0:
			path.WriteString("." + s.name)
		default:
			path.WriteString(s.name)
		}
	}
	return &convertError{node.Line, path.String(), fmt.Sprintf(format, args...)}
}

// spend counts the bytes that an alias stands for against maxAliased.
func (c *converter) spend(node *yaml.Node, amount int) *convertError {
	if *c.aliased += amount; *c.aliased > maxAliased {
		return c.errorf(node, "the aliases of this file stand for more than %d MiB; write out what they repeat", maxAliased>>20)
	}
	return nil
}

func (c *converter) value(node *yaml.Node, depth int) *convertError {
	if depth > maxDepth {
		return c.errorf(node, "nested more than %d levels deep, or an alias that holds itself", maxDepth)
	}
	if c.inAlias {
		if err := c.spend(node, valueCost+len(node.Value)); err != nil {
			return err
		}
	}
	if node.Kind == yaml.AliasNode {
		return c.copied(node.Alias, depth+1)
	}
	c.marks = append(c.marks, mark{len(c.json), node.Line})
	switch node.Kind {
	case yaml.MappingNode:
		return c.object(node, depth)
	case yaml.SequenceNode:
		return c.list(node, depth)
	case yaml.ScalarNode:
		return c.scalar(node)
	}
	return c.errorf(node, "not a JSON value")
}

// copied writes what an alias or a merge key repeats.
func (c *converter) copied(node *yaml.Node, depth int) *convertError {
	defer func(was bool) { c.inAlias = was }(c.inAlias)
	c.inAlias = true
	return c.value(node, depth)
}

func (c *converter) list(node *yaml.Node, depth int) *convertError {
	if node.Tag != seqTag {
		return c.errorf(node, "the tag %s is not JSON's; remove it", node.Tag)
	}
	c.json = append(c.json, '[')
	for i, item := range node.Content {
		if i > 0 {
			c.json = append(c.json, ',')
		}
		c.path = append(c.path, step{index: i})
		if err := c.value(item, depth+1); err != nil {
			return err
		}
		c.path = c.path[:len(c.path)-1]
	}
	c.json = append(c.json, ']')
	return nil
}

// member is one key of an object with its value.
type member struct {
	name  string
	value *yaml.Node
	// merged members come from a merge key (<<) and give way to written ones.
	merged bool
}

func (c *converter) object(node *yaml.Node, depth int) *convertError {
	if node.Tag != mapTag {
		return c.errorf(node, "the tag %s is not JSON's; remove it", node.Tag)
	}
	members, err := c.members(node, depth)
	if err != nil {
		return err
	}
	c.json = append(c.json, '{')
	for i, m := range members {
		if i > 0 {
			c.json = append(c.json, ',')
		}
		c.string(m.name)
		c.json = append(c.json, ':')
		c.path = append(c.path, step{name: m.name})
		write := c.value
		if m.merged {
			write = c.copied
		}
		if err := write(m.value, depth+1); err != nil {
			return err
		}
		c.path = c.path[:len(c.path)-1]
	}
	c.json = append(c.json, '}')
	return nil
}

// members are the keys of a mapping in the order they are written, with those of its merge keys.
func (c *converter) members(node *yaml.Node, depth int) ([]member, *convertError) {
	if depth > maxDepth {
		return nil, c.errorf(node, "nested more than %d levels deep, or an alias that holds itself", maxDepth)
	}
	var members, merged []member
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		keyNode, value := resolve(node.Content[i]), node.Content[i+1]
		if keyNode.Tag == mergeTag {
			more, err := c.mergedMembers(value, depth)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			continue
		}
		name, err := c.key(keyNode)
		if err != nil {
			return nil, err
		}
		if first, twice := lines[name]; twice {
			return nil, c.errorf(keyNode, "the key %q is given twice, first in line %d; remove one", name, first)
		}
		lines[name] = node.Content[i].Line
		members = append(members, member{name: name, value: value})
	}
	for _, m := range merged { // of several, the first counts
		if _, given := lines[m.name]; !given {
			lines[m.name] = m.value.Line
			members = append(members, m)
		}
	}
	return members, nil
}

// mergedMembers are those that a merge key brings: of an object, or of each in a list of objects.
func (c *converter) mergedMembers(value *yaml.Node, depth int) ([]member, *convertError) {
	sources := []*yaml.Node{value}
	if list := resolve(value); list.Kind == yaml.SequenceNode {
		sources = list.Content
	}
	var members []member
	for _, source := range sources {
		if source = resolve(source); source.Kind != yaml.MappingNode {
			return nil, c.errorf(source, "a merge key (<<) takes an object, or a list of objects")
		}
		more, err := c.members(source, depth+1)
		if err != nil {
			return nil, err
		}
		if err := c.spend(source, valueCost*(1+len(more))); err != nil {
			return nil, err
		}
		for _, m := range more {
			members = append(members, member{m.name, m.value, true})
		}
	}
	return members, nil
}

// key is the name that a key becomes in JSON. As for kubectl, a key such as yes or on is a boolean first.
func (c *converter) key(node *yaml.Node) (string, *convertError) {
	if node.Kind != yaml.ScalarNode {
		return "", c.errorf(node, "a key must be a string")
	}
	switch {
	case node.Tag == nullTag:
		return "", c.errorf(node, "a key must be a string, not null; quote it")
	case node.Tag == strTag && !isOldBool(node), node.Tag == timestampTag:
		return node.Value, nil
	}
	number := converter{aliased: c.aliased, path: c.path} // or a boolean
	if err := number.scalar(node); err != nil {
		return "", err
	}
	return string(number.json), nil
}

func (c *converter) scalar(node *yaml.Node) *convertError {
	switch node.Tag {
	case nullTag:
		c.json = append(c.json, "null"...)
	case boolTag:
		value, ok := bools[strings.ToLower(node.Value)]
		if !ok {
			return c.errorf(node, "%q is not a boolean", node.Value)
		}
		c.json = strconv.AppendBool(c.json, value)
	case intTag, floatTag:
		number, err := numberText(node.Value)
		if err != nil {
			return c.errorf(node, "%v", err)
		}
		c.json = append(c.json, number...)
	case strTag:
		if isOldBool(node) {
			c.json = strconv.AppendBool(c.json, bools[strings.ToLower(node.Value)])
			return nil
		}
		c.string(node.Value)
	case timestampTag, mergeTag: // JSON has no times, and << is a name only as a key
		c.string(node.Value)
	default:
		return c.errorf(node, "the tag %s is not JSON's; remove it", node.Tag)
	}
	return nil
}

func (c *converter) string(s string) {
	text, _ := json.Marshal(s) // strings never fail
	c.json = append(c.json, text...)
}

// bools are the booleans of YAML 1.1, in lower case.
var bools = map[string]bool{
	"true": true, "yes": true, "y": true, "on": true,
	"false": false, "no": false, "n": false, "off": false,
}

// isOldBool reports whether a node is a boolean in YAML 1.1, as for kubectl: unquoted, and all in lower case, all in upper
// case, or with a capital first letter.
func isOldBool(node *yaml.Node) bool {
	lower := strings.ToLower(node.Value)
	if _, ok := bools[lower]; !ok || node.Style != 0 {
		return false
	}
	return slices.Contains([]string{lower, strings.ToUpper(lower), strings.ToUpper(lower[:1]) + lower[1:]}, node.Value)
}

// jsonNumber matches a number that JSON writes in the same way.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// numberText formats a YAML number as JSON: as it is written where JSON allows that, else in the shortest form.
func numberText(text string) (string, error) {
	if jsonNumber.MatchString(text) {
		return text, nil
	}
	plain := strings.ReplaceAll(text, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil { // 0x1f, 0o17, 017, 0b1, +1
		return strconv.FormatInt(i, 10), nil
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return strconv.FormatUint(u, 10), nil
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", fmt.Errorf("%q is not a number that JSON can hold", text)
	}
	number := strconv.FormatFloat(f, 'g', -1, 64)
	if strings.Contains(plain, ".") && !strings.ContainsAny(number, ".e") {
		number += ".0" // a float stays one
	}
	return number, nil
}
