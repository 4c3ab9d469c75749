package diff

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Way is one thing that gives an action, and what must hold for it.
type Way struct {
	// By is the object, as Kind/name.
	By string `json:"by"`
	// If is the rule's condition on the record.
	If string `json:"if,omitempty"`
	// Fields that the rule covers; empty: all.
	Fields []string `json:"fields,omitempty"`
	// Validations that what is stored must pass.
	Validations []string `json:"validations,omitempty"`
	// Networks and MFA are the role's restrictions; StaffScope is a scope that makes the user staff.
	Networks   []string `json:"networks,omitempty"`
	MFA        bool     `json:"mfa,omitempty"`
	StaffScope bool     `json:"staffScope,omitempty"`
	// Presets are stored besides what is submitted; those that are expressions too, as {"=": expression}.
	Presets map[string]any `json:"presets,omitempty"`

	unconditional, exempt bool
	presets               string // as text
	key                   string // all of it as text
	reads                 func(path ...string) bool
}

// ways makes Ways, each once.
type ways struct{ known sync.Map }

type wayKey struct {
	source       engine.Ref
	rule         *v1alpha1.Rule
	restrictions *v1alpha1.Restrictions
	scope        bool
	class        v1alpha1.ActionClass
}

func (w *ways) of(given *engine.Way, class v1alpha1.ActionClass) *Way {
	key := wayKey{given.Source, given.Rule, given.Restrictions, given.StaffScope, class}
	if known, ok := w.known.Load(key); ok {
		return known.(*Way) //nolint:forcetypeassert // nothing else is stored
	}
	known, _ := w.known.LoadOrStore(key, newWay(given, class))
	return known.(*Way) //nolint:forcetypeassert // nothing else is stored
}

func newWay(given *engine.Way, class v1alpha1.ActionClass) *Way {
	way := &Way{
		By: given.Source.String(), StaffScope: given.StaffScope,
		unconditional: given.Unconditional(class), exempt: given.Exempt, reads: given.Reads,
	}
	if r := given.Restrictions; r != nil {
		way.MFA = r.RequireMFA
		way.Networks = texts(r.AllowedCIDRs)
	}
	if r := given.Rule; r != nil {
		way.If = string(r.Condition)
		if class != v1alpha1.ClassDelete && !slices.Contains(r.Fields, v1alpha1.Any) {
			way.Fields = texts(r.Fields)
		}
		if class == v1alpha1.ClassCreate || class == v1alpha1.ClassUpdate {
			for _, v := range r.Validations {
				way.Validations = append(way.Validations, string(v.Expression))
			}
			way.Presets = presetsOf(r)
		}
	}
	if len(way.Presets) > 0 {
		way.presets = jsonText(way.Presets)
	}
	way.key = jsonText(way)
	return way
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

// covers says whether the way gives at least what another gives, as far as can be told without knowing what
// conditions mean: only the same condition covers a condition.
func (w *Way) covers(other *Way) bool {
	return (w.If == "" || w.If == other.If) &&
		w.presets == other.presets &&
		(!w.StaffScope || other.StaffScope) &&
		(!w.MFA || other.MFA) &&
		networksCover(w.Networks, other.Networks) &&
		(len(w.Fields) == 0 || len(other.Fields) > 0 && subset(other.Fields, w.Fields)) &&
		subset(w.Validations, other.Validations)
}

// networksCover says whether every address of the narrow networks is in the wide ones; none stands for all.
func networksCover(wide, narrow []string) bool {
	if len(wide) == 0 {
		return true
	}
	return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(text string) bool {
		inner, err := prefix(text)
		return !slices.ContainsFunc(wide, func(text string) bool {
			outer, outerErr := prefix(text)
			return err == nil && outerErr == nil && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
		}) && !slices.Contains(wide, text)
	})
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	address, err := netip.ParseAddr(text)
	return netip.PrefixFrom(address, address.BitLen()), err
}

func subset(small, large []string) bool {
	return !slices.ContainsFunc(small, func(s string) bool { return !slices.Contains(large, s) })
}

// uncovered are the ways that none of others covers. Where user permissions limit the user, a way that is
// exempt from them is covered only by another that is.
func uncovered(list, others []*Way, limited bool) []*Way {
	var found []*Way
	for _, w := range list {
		if !slices.Contains(others, w) && !slices.ContainsFunc(others, func(other *Way) bool {
			return other.covers(w) && (other.exempt || !w.exempt || !limited)
		}) {
			found = append(found, w)
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
