package diff

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Grant is one thing that gives an action, and what must hold for it.
type Grant struct {
	// By is the object, as Kind/name.
	By string `json:"by"`
	// If is the rule's condition on the record.
	If string `json:"if,omitempty"`
	// Fields that the rule covers; empty: all, or all but ExceptFields.
	Fields       []string `json:"fields,omitempty"`
	ExceptFields []string `json:"exceptFields,omitempty"`
	// Guards that bind everybody.
	Guards []string `json:"guards,omitempty"`
	// Validations that what is stored must pass.
	Validations []string `json:"validations,omitempty"`
	// Networks and MFA are the role's restrictions; StaffScope is a scope that makes the user staff.
	Networks   []string `json:"networks,omitempty"`
	MFA        bool     `json:"mfa,omitempty"`
	StaffScope bool     `json:"staffScope,omitempty"`
	// Presets are stored besides what is submitted; those that are expressions too, as {"=": expression}.
	Presets map[string]any `json:"presets,omitempty"`

	given         engine.Grant
	unconditional bool
	key           string // all of it as text
}

// grants makes Grants, each once.
type grants struct{ known sync.Map }

type grantKey struct {
	source       engine.Ref
	rule         *v1alpha1.Rule
	restrictions *v1alpha1.Restrictions
	scope        bool
	class        v1alpha1.ActionClass
	guards       string // and the links that it follows
}

func (g *grants) of(given *engine.Grant, class v1alpha1.ActionClass) *Grant {
	key := grantKey{given.Source, given.Rule, given.Restrictions, given.StaffScope, class, strings.Join(given.Guards, "\x00") + "\x01" + given.Linked()}
	if known, ok := g.known.Load(key); ok {
		return known.(*Grant) //nolint:forcetypeassert // nothing else is stored
	}
	known, _ := g.known.LoadOrStore(key, newGrant(given, class))
	return known.(*Grant) //nolint:forcetypeassert // nothing else is stored
}

func newGrant(given *engine.Grant, class v1alpha1.ActionClass) *Grant {
	grant := &Grant{
		By: given.Source.String(), StaffScope: given.StaffScope, Guards: given.Guards,
		unconditional: given.Unconditional(class), given: *given,
	}
	if r := given.Restrictions; r != nil {
		grant.MFA = r.RequireMFA
		grant.Networks = texts(r.AllowedCIDRs)
	}
	if r := given.Rule; r != nil {
		grant.If = string(r.Condition)
		if class != v1alpha1.ClassDelete && !slices.Contains(r.Fields, v1alpha1.Any) {
			grant.Fields, grant.ExceptFields = texts(r.Fields), texts(r.ExceptFields)
		}
		if class == v1alpha1.ClassCreate || class == v1alpha1.ClassUpdate {
			for _, v := range r.Validations {
				grant.Validations = append(grant.Validations, string(v.Expression))
			}
			grant.Presets = presetsOf(r)
		}
	}
	grant.key = jsonText(grant)
	return grant
}

func presetsOf(r *v1alpha1.Rule) map[string]any {
	presets := map[string]any{}
	for name, value := range r.Presets {
		presets[name] = canonical(value)
	}
	for name, expression := range r.PresetExpressions {
		presets[name] = map[string]string{"=": string(expression)}
	}
	return presets
}

func subset(small, large []string) bool {
	return !slices.ContainsFunc(small, func(s string) bool { return !slices.Contains(large, s) })
}

// uncovered are the grants that others together do not cover. Where user permissions restrict the user, a grant that is
// exempt from them is covered only by others that are.
func uncovered(list, others []*Grant, class v1alpha1.ActionClass, restricted bool) []*Grant {
	var found []*Grant
	for _, g := range list {
		if slices.Contains(others, g) {
			continue
		}
		var by []*engine.Grant
		for _, other := range others {
			if other.given.Exempt || !g.given.Exempt || !restricted {
				by = append(by, &other.given)
			}
		}
		if !g.given.CoveredBy(by, class) {
			found = append(found, g)
		}
	}
	return found
}

func texts[T ~string](list []T) []string {
	if len(list) == 0 {
		return nil
	}
	found := make([]string, len(list))
	for i, text := range list {
		found[i] = string(text)
	}
	slices.Sort(found)
	return found
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
