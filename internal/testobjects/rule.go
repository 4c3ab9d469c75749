package testobjects

import "github.com/remit-authz/remit/api/v1alpha1"

// RuleBuilder builds a rule.
type RuleBuilder struct{ rule v1alpha1.Rule }

// MakeRule starts a rule on resource types, or "*".
func MakeRule(resources ...string) *RuleBuilder {
	return &RuleBuilder{v1alpha1.Rule{Resources: as[v1alpha1.NameOrAny](resources)}}
}

// Full gives every action on resource types.
func Full(resources ...string) v1alpha1.Rule {
	return MakeRule(resources...).Access(v1alpha1.AccessFull).Obj()
}

// ReadOnly gives the actions of class Read on resource types.
func ReadOnly(resources ...string) v1alpha1.Rule {
	return MakeRule(resources...).Access(v1alpha1.AccessReadOnly).Obj()
}

// Areas adds areas.
func (b *RuleBuilder) Areas(areas ...string) *RuleBuilder {
	b.rule.Areas = append(b.rule.Areas, as[v1alpha1.Token](areas)...)
	return b
}

// Access sets the level.
func (b *RuleBuilder) Access(access v1alpha1.Access) *RuleBuilder {
	b.rule.Access = access
	return b
}

// Actions adds actions.
func (b *RuleBuilder) Actions(actions ...string) *RuleBuilder {
	b.rule.Actions = append(b.rule.Actions, as[v1alpha1.Token](actions)...)
	return b
}

// Condition sets the condition.
func (b *RuleBuilder) Condition(source string) *RuleBuilder {
	b.rule.Condition = v1alpha1.Expression(source)
	return b
}

// Fields adds fields.
func (b *RuleBuilder) Fields(fields ...string) *RuleBuilder {
	b.rule.Fields = append(b.rule.Fields, as[v1alpha1.FieldPath](fields)...)
	return b
}

// ExceptFields adds fields that it does not cover.
func (b *RuleBuilder) ExceptFields(fields ...string) *RuleBuilder {
	b.rule.ExceptFields = append(b.rule.ExceptFields, as[v1alpha1.FieldPath](fields)...)
	return b
}

// Validation adds a validation.
func (b *RuleBuilder) Validation(source, message string) *RuleBuilder {
	b.rule.Validations = append(b.rule.Validations, v1alpha1.Validation{Expression: v1alpha1.Expression(source), Message: message})
	return b
}

// Preset sets a preset.
func (b *RuleBuilder) Preset(key string, value any) *RuleBuilder {
	if b.rule.Presets == nil {
		b.rule.Presets = map[string]v1alpha1.JSON{}
	}
	b.rule.Presets[key] = JSON(value)
	return b
}

// PresetExpression sets a computed preset.
func (b *RuleBuilder) PresetExpression(key, source string) *RuleBuilder {
	if b.rule.PresetExpressions == nil {
		b.rule.PresetExpressions = map[string]v1alpha1.Expression{}
	}
	b.rule.PresetExpressions[key] = v1alpha1.Expression(source)
	return b
}

// Obj is the rule.
func (b *RuleBuilder) Obj() v1alpha1.Rule { return *b.rule.DeepCopy() }
