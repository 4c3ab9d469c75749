package engine

// Problem is something about one object that its author should know.
type Problem struct {
	// Reason is one of the reasons of the API's conditions, for example v1alpha1.ReasonInvalidExpression.
	Reason string
	// Path of the field, for example "spec.rules[0].condition"; empty for the object as a whole.
	Path string
	// Value of the field, where it helps.
	Value string
	// Message says what is wrong and what to do.
	Message string
}

// Report is what the domain has to say of one of its objects.
type Report struct {
	// Generation of the object that the domain serves.
	Generation int64
	// Problems keep the object, or the parts they name, from taking effect.
	Problems []Problem
	// Missing are objects that it names and that do not exist, sorted.
	Missing []Ref
	// Advice is about parts that do nothing, or hurt clients.
	Advice []Problem
}
