package wire

// Object is a JSON object. A member that is absent or null reads as the zero value. So does one of another type than
// asked for, and Err says so.
type Object struct {
	path    string
	members map[string]any
	problem *error
}

// read reads a member more.
func (o *Object) read(name string, r *reader) bool {
	if o.members == nil {
		*o = Object{members: map[string]any{}, problem: new(error)}
	}
	value, ok := r.value()
	o.members[name] = value
	return ok
}

// Err is the first problem with a member that was read, here or in an object inside; an *engine.RequestError.
func (o Object) Err() error {
	if o.problem == nil {
		return nil
	}
	return *o.problem
}

// Value gives a member, whatever it is: nil, bool, int64, float64, string, []any or map[string]any.
func (o Object) Value(name string) any { return o.members[name] }

// String gives a member that is a string.
func (o Object) String(name string) string { return field[string](o, name, "must be a string") }

// Bool gives a member that is true or false.
func (o Object) Bool(name string) bool { return field[bool](o, name, "must be true or false") }

// Object gives a member that is an object.
func (o Object) Object(name string) Object {
	return Object{path: o.at(name), members: field[map[string]any](o, name, "must be an object"), problem: o.problem}
}

func (o Object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

func field[T any](o Object, name, message string) T {
	value, ok := o.members[name].(T)
	if !ok && o.members[name] != nil && *o.problem == nil {
		*o.problem = malformed(o.at(name), message)
	}
	return value
}
