package engine

// recordsOf are the records of a domain as expressions see them (expr.Records).
type recordsOf struct{ *Domain }

// LinkField implements expr.Records.
func (r recordsOf) LinkField(resourceType, field string) (target, by string, ok bool) {
	t := r.typeIndex[resourceType]
	if t == nil {
		return "", "", false
	}
	for i := range t.links {
		if l := &t.links[i]; l.field == field && len(l.path) == 1 {
			return l.target, l.by, true
		}
	}
	return "", "", false
}

// Stored implements expr.Records.
func (r recordsOf) Stored(resourceType, id string) (map[string]any, bool) {
	of, _ := r.records.get(resourceType)
	found := of.get(id)
	if found == nil {
		return nil, false
	}
	return found.properties.get(), true
}

// Depth implements expr.Records.
func (r recordsOf) Depth(resourceType, id string) int {
	of, _ := r.records.get(resourceType)
	depth := 0
	of.ancestors(id, func(string) bool { depth++; return false })
	return depth
}

// Under implements expr.Records.
func (r recordsOf) Under(resourceType, id, ancestor string, most int) (under, known bool) {
	if id == ancestor {
		return true, true
	}
	of, _ := r.records.get(resourceType)
	steps := 0
	of.ancestors(id, func(above string) bool {
		steps++
		under = above == ancestor
		return under || steps >= most
	})
	return under, under || steps < most
}

// IDs implements expr.Records.
func (r recordsOf) IDs(resourceType string) []string {
	of, ok := r.records.get(resourceType)
	if !ok {
		return nil
	}
	return of.byID.keys()
}

// Types implements expr.Records.
func (r recordsOf) Types() []string { return r.records.keys() }
