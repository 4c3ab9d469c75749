package filter

import (
	"fmt"
	"slices"
	"strings"
)

// Relation says in which table the records are that a property leads to, for SQL.
type Relation struct {
	// Table is its name, with its schema before a dot where it needs one.
	Table string
	// Key is the column of that table that has what Column has, a column of the record's own table.
	Key, Column string
	// Many says that the property is the list of those records; else it is the one of them, or null.
	Many bool
}

// Relations are Relation by the path of the property, with dots. What is in none of them and has members is JSON.
type Relations map[string]Relation

// RelationError says that relations make no sense.
type RelationError struct{ Property, Reason string }

func (e *RelationError) Error() string { return fmt.Sprintf("relations.%s: %s", e.Property, e.Reason) }

// complete gives the relations with what is left open: of a list, the key has the record's id; of one record, its id is
// what the property holds.
func (r Relations) complete() (Relations, error) {
	complete := Relations{}
	for property, relation := range r {
		path := strings.Split(property, ".")
		switch {
		case slices.Contains(path, ""):
			return nil, &RelationError{property, "must be the path of a property"}
		case relation.Table == "":
			return nil, &RelationError{property, "must have a table"}
		case relation.Many && relation.Key == "":
			return nil, &RelationError{property, "must have a key: the column of the table that has the record's id"}
		}
		for _, name := range append(strings.Split(relation.Table, "."), relation.Key, relation.Column) {
			if strings.ContainsRune(name, 0) {
				return nil, &RelationError{property, "has a NUL character in a name"}
			}
		}
		if relation.Key == "" {
			relation.Key = "id"
		}
		if relation.Column == "" && relation.Many {
			relation.Column = "id"
		}
		if relation.Column == "" {
			relation.Column = path[len(path)-1]
		}
		complete[property] = relation
	}
	return complete, nil
}

// at is the relation at a path.
func (r Relations) at(path []string) (Relation, bool) {
	relation, ok := r[strings.Join(path, ".")]
	return relation, ok
}

// scope is what the fields of a tree are of: the record, a row of another table, or an element of a list in JSON.
type scope struct {
	// path leads to it.
	path []string
	// table is the name of the row's table in the query; empty for the record.
	table string
	// element is set in JSON.
	element *jsonValue
}

func (s *scope) qualified(name string) string {
	if s.table == "" {
		return name
	}
	return s.table + "." + name
}

func (s *scope) pathTo(path []string) []string { return slices.Concat(s.path, path) }

// alias gives a name to a table, or a list, within the query.
func (e *sqlEncoder) alias() string {
	e.aliases++
	return fmt.Sprintf("remit_%d", e.aliases)
}

// below writes a leaf that is not about a column alone: about a row of another table, or what is in JSON. It is empty for
// one about a column.
func (e *sqlEncoder) below(t *Tree, s *scope) (string, error) {
	if t.Field.ID {
		return "", nil
	}
	if s.element == nil {
		for i := 1; i <= len(t.Field.Path); i++ {
			relation, ok := e.relations.at(s.pathTo(t.Field.Path[:i]))
			if !ok {
				continue
			}
			if i > 1 {
				return "", unsupported(e.format, t, "the relation stands below a property that has no relation itself; name a table for that, too")
			}
			return e.related(t, s, relation)
		}
	}
	if s.element == nil && t.Field.Element && len(t.Field.Path) > 0 { // a column of a row
		if reason := e.refusesColumn(t.Field.Path[0]); reason != "" {
			return "", unsupported(e.format, t, reason)
		}
	}
	if s.element == nil && len(t.Field.Path) == 1 && t.Op != Any && t.Op != Every {
		switch {
		case t.Op == Has:
			return strings.ToUpper(string(Constant(!t.Negated).Op)), nil
		case t.Other != nil && len(t.Other.Path) != 1 && !t.Other.ID:
			return "", unsupported(e.format, t, "it is compared with what stands below another property; ask about single records instead")
		}
		return "", nil
	}
	if t.Other != nil {
		return "", unsupported(e.format, t, "it stands below another property; ask about single records instead")
	}
	return e.onJSON(t, s)
}

// related writes a leaf about the rows that a relation leads to.
func (e *sqlEncoder) related(t *Tree, s *scope, relation Relation) (string, error) {
	isList := t.Op == Any || t.Op == Every
	switch {
	case len(t.Field.Path) == 1 && !isList && !relation.Many:
		return "", nil // the column itself
	case len(t.Field.Path) == 1 && isList && !relation.Many:
		return "", unsupported(e.format, t, "its relation leads to one record, and it is looked into as a list; set many")
	case relation.Many && (len(t.Field.Path) > 1 || !isList):
		return "", unsupported(e.format, t, "its relation leads to many records, which is a list")
	case t.Other != nil:
		return "", unsupported(e.format, t, "it is compared with what another table has; ask about single records instead")
	}
	for _, name := range append(strings.Split(relation.Table, "."), relation.Key, relation.Column) {
		if reason := e.dialect.refusesName(name); reason != "" {
			return "", unsupported(e.format, t, reason)
		}
	}
	var of *Tree
	if relation.Many {
		of = t.Args[0]
	} else {
		below := *t
		below.Field = &Field{Path: t.Field.Path[1:]}
		of = &below
	}
	alias := e.dialect.quote(e.alias())
	within := &scope{path: s.pathTo(t.Field.Path[:1]), table: alias}
	column := s.qualified(e.dialect.quote(relation.Column))
	key := alias + "." + e.dialect.quote(relation.Key)
	table := placeholders(strings.Split(relation.Table, "."), e.dialect.quote)
	holds, err := e.where(of, within)
	if err != nil {
		return "", err
	}
	rows := fmt.Sprintf("(SELECT %s FROM %s AS %s WHERE %s", key, strings.Join(table, "."), alias, key+" IS NOT NULL AND ")
	if t.Op == Every && relation.Many {
		return fmt.Sprintf("(%s IS NOT NULL AND %[1]s NOT IN %s(%s) IS NOT TRUE))", column, rows, holds), nil
	}
	return fmt.Sprintf("%s IN %s%s)", column, rows, holds), nil
}

// elementTree is a membership as a tree about the elements of a list.
func elementTree(t *Tree) *Tree {
	list, is := Any, Eq
	if t.Negated {
		list, is = Every, Ne
	}
	return &Tree{Op: list, Field: t.Field, Args: []*Tree{{Op: is, Field: &Field{Element: true}, Value: t.Value}}}
}

// nestedLink is a link below a property as a tree, as WalkLink goes: a list stands for each of its elements. A list
// that stands directly in a list is not let through, nor is an empty link that a relation leads to, but where empty
// ones pass. Path leads to the field, which is the property itself, its element, or a member of either.
func (e *sqlEncoder) nestedLink(t *Tree, path []string, field *Field, rest []string, inList bool) *Tree {
	relation, isRelation := e.relations.at(path)
	if isRelation && relation.Many && !inList {
		return &Tree{Op: Every, Field: field, Args: []*Tree{e.nestedMember(t, path, &Field{}, rest)}}
	}
	empty := Constant(false)
	if t.EmptyPasses {
		empty = AnyOf(&Tree{Op: Eq, Field: field}, &Tree{Op: Eq, Field: field, Value: ""})
	}
	var alternatives []*Tree
	if len(rest) == 0 {
		if ids, _ := t.linkIDs(); len(ids) > 0 {
			alternatives = append(alternatives, &Tree{Op: Link, Field: field, Values: t.Values})
			if !isRelation { // a record by its id
				id := &Field{Path: append(slices.Clone(field.Path), "id"), Element: field.Element}
				alternatives = append(alternatives, &Tree{Op: Link, Field: id, Values: t.Values})
			}
		}
	} else {
		alternatives = append(alternatives, e.nestedMember(t, path, field, rest))
	}
	if !inList && !isRelation {
		element := e.nestedLink(t, path, &Field{Element: true}, rest, true)
		alternatives = append(alternatives, &Tree{Op: Every, Field: field, Args: []*Tree{element}})
	}
	return AnyOf(append([]*Tree{empty}, alternatives...)...)
}

// nestedMember goes on to the first name of the rest.
func (e *sqlEncoder) nestedMember(t *Tree, path []string, field *Field, rest []string) *Tree {
	member := &Field{Path: append(slices.Clone(field.Path), rest[0]), Element: field.Element}
	return e.nestedLink(t, append(slices.Clone(path), rest[0]), member, rest[1:], false)
}
