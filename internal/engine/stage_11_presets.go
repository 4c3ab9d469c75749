package engine

import (
	"maps"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// casePresets are a case's presets overlaid by its computed ones; those in error leave what was there.
func (e *evaluation) casePresets(c *matchedRule) map[string]any {
	if c.made {
		return c.presets
	}
	c.made = true
	c.presets = c.rule.presets
	if len(c.rule.computed) == 0 {
		return c.presets
	}
	c.presets = make(map[string]any, len(c.rule.presets)+len(c.rule.computed))
	maps.Copy(c.presets, c.rule.presets)
	for _, preset := range c.rule.computed {
		if preset.program == nil {
			continue
		}
		value, err := preset.program.Value(e.expressionInput())
		if e.trace != nil {
			e.traceComputed(c, preset.key, err)
		}
		if err == nil {
			c.presets[preset.key] = value
		}
	}
	return c.presets
}

// presetsOf overlays the presets of cases, which stand in the order of S11: later wins.
func (e *evaluation) presetsOf(matched []matchedRule) map[string]any {
	if len(matched) == 1 {
		return e.casePresets(&matched[0])
	}
	var together map[string]any
	for i := range matched {
		if matched[i].dead {
			continue
		}
		presets := e.casePresets(&matched[i])
		if len(presets) == 0 {
			continue
		}
		if together == nil {
			together = make(map[string]any, len(presets))
		}
		maps.Copy(together, presets)
	}
	return together
}

// defaults are the values of a Create's link fields that the user permissions give (S11).
func (e *evaluation) defaults() map[string]any {
	if e.defaultsMade || e.action.class != v1alpha1.ClassCreate {
		return e.defaultValues
	}
	e.defaultsMade = true
	for _, l := range e.resourceType.links {
		if l.ignored || l.by != "" || len(l.path) > 1 {
			continue
		}
		for p := range e.userPermissions(l.target, e.resourceType, e.action) {
			if p.fallback() == "" {
				continue
			}
			if e.defaultValues == nil {
				e.defaultValues = map[string]any{}
			}
			e.defaultValues[l.field] = p.fallback()
			break
		}
	}
	return e.defaultValues
}

// presetsAndDefaults is S11.
func (e *evaluation) presetsAndDefaults() bool {
	if !e.action.writes() {
		return false
	}
	if defaults, set := e.defaults(), e.presetsOf(e.matched); len(defaults)+len(set) > 0 {
		presets := make(map[string]any, len(defaults)+len(set))
		maps.Copy(presets, defaults)
		maps.Copy(presets, set)
		maps.DeleteFunc(presets, func(key string, _ any) bool { _, submitted := e.submitted[key]; return submitted })
		if len(presets) > 0 {
			e.decision.Presets = presets
		}
	}
	if e.trace != nil {
		e.tracePresets()
	}
	return false
}
