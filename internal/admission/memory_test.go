package admission

import (
	"fmt"
	"strings"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// records is a set with many records.
func records(n int) engine.Object {
	set := MakeRecordSet("set", "company")
	for i := range n {
		set = set.Record(fmt.Sprintf("record-%d", i), "", map[string]any{"open": true})
	}
	return set.Obj()
}

func TestMemoryLimit(t *testing.T) {
	user := MakeUser("alice").Obj()
	small := engine.Compile([]engine.Object{records(100), user})
	large := engine.Compile([]engine.Object{records(1000), user})
	within, over := large.Size(), large.Size()-1
	for name, tc := range map[string]struct {
		domain *engine.Domain
		limit  int64
		change Change
		want   bool // admitted
	}{
		"no limit":                         {small, 0, update(records(1000)), true},
		"up to the limit":                  {small, within, update(records(1000)), true},
		"beyond the limit":                 {small, over, update(records(1000)), false},
		"a new object beyond the limit":    {large, over, create(MakeUser("bob").Obj()), false},
		"a first object beyond the limit":  {nil, 1, create(MakeUser("bob").Obj()), false},
		"the limit was lowered: shrinking": {large, 1, update(records(900)), true},
		"the limit was lowered: the same":  {large, 1, update(records(1000)), true},
		"the limit was lowered: growing":   {large, 1, update(records(1001)), false},
		"the limit was lowered: deletion":  {large, 1, remove(user), true},
	} {
		t.Run(name, func(t *testing.T) {
			tc.change.MemoryLimit = tc.limit
			result := Review(tc.domain, tc.change)
			if admitted := len(result.Errors) == 0; admitted != tc.want {
				t.Errorf("admitted: %t, want %t: %v", admitted, tc.want, result.Errors)
			}
			if len(result.Codes) > 0 {
				t.Errorf("it breaks %v, which are rules of the domain", result.Codes)
			}
		})
	}
}

// TestMemoryLimitMessage: whoever is refused learns which domain is too large, by how much, what is allowed, and who decides
// that.
func TestMemoryLimitMessage(t *testing.T) {
	change := create(records(1000))
	change.Object.SetNamespace("shop")
	change.MemoryLimit = 64 << 10
	result := Review(nil, change)
	if len(result.Errors) != 1 {
		t.Fatalf("got %v, want one error", result.Errors)
	}
	size := readable(engine.Compile([]engine.Object{change.Object}).Size())
	for _, want := range []string{"spec: Forbidden", "the domain shop", size, "64Ki", "--domain-memory-limit", "delete or shorten"} {
		if !strings.Contains(result.Errors[0].Error(), want) {
			t.Errorf("the error lacks %q: %v", want, result.Errors[0])
		}
	}
}

// TestMemoryLimitOfEveryKind: no kind is without weight.
func TestMemoryLimitOfEveryKind(t *testing.T) {
	for _, kind := range kinds.Table {
		object := kind.New()
		object.SetName("default")
		change := create(object)
		change.MemoryLimit = 1
		result := Review(nil, change)
		if all := fmt.Sprint(result.Errors); !strings.Contains(all, MemoryLimitFlag) {
			t.Errorf("a %s takes no memory: %v", kind.Kind, all)
		}
	}
}
