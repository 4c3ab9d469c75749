package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestClaims(t *testing.T) {
	alone, shared := Claim{Key: adminsKey}, Claim{Key: adminsKey, Shared: true}
	domain := objects{
		MakePolicy().Obj(), MakeRole("chief").AdminAccess().Obj(), MakeRole("clerk").Obj(), MakeUser("ada").Roles("chief").Obj(),
		MakeUser("bob").ID("bob@example.com").Roles("clerk").Obj(), MakeGroup("board").Members("ada").Roles("chief").Obj(), MakeGroup("desk").Members("bob@example.com").Obj(),
		MakeUserPermission("east", "company", "east").User("ada").Obj(),
	}
	for name, tc := range map[string]struct {
		change Change
		want   []Claim
	}{
		"a type":                          {create(MakeResourceType("order").Obj()), []Claim{{Key: "type order"}}},
		"a type that is called otherwise": {create(MakeResourceType("so").Type("Sales Order").Obj()), []Claim{{Key: "type Sales Order"}}},
		"a change of a type":              {update(MakeResourceType("order").StaffOnly().Obj()), nil},
		"records":                         {create(MakeRecordSet("orders", "order").Obj()), nil},
		"a policy":                        {update(MakePolicy().PreventEscalation().Obj()), []Claim{alone}},
		"a role that makes nobody admin":  {update(MakeRole("clerk").AppAccess().Obj()), []Claim{shared}},
		"a role that comes to":            {update(MakeRole("clerk").AdminAccess().Obj()), []Claim{alone}},
		"a role that no longer does":      {update(MakeRole("chief").Obj()), []Claim{alone}},
		"a group":                         {update(MakeGroup("desk").Obj()), []Claim{shared}},
		"a group of admins":               {update(MakeGroup("board").Roles("chief").Obj()), []Claim{alone}},
		"a group that becomes one":        {update(MakeGroup("desk").Members("bob@example.com").Roles("chief").Obj()), []Claim{alone}},
		"a user":                          {update(MakeUser("bob").ID("bob@example.com").Obj()), []Claim{shared}},
		"a user who becomes admin":        {update(MakeUser("bob").ID("bob@example.com").Superuser().Obj()), []Claim{alone}},
		"an admin":                        {update(MakeUser("ada").Obj()), []Claim{alone}},
		"a new user":                      {create(MakeUser("cyd").ID("cyd@example.com").Obj()), []Claim{shared, {Key: "id cyd@example.com"}}},
		"a user who goes":                 {remove(MakeUser("bob").Obj()), []Claim{shared, {Key: "id bob@example.com"}}},
		"a user permission that moves": {
			update(MakeUserPermission("east", "branch", "east").Group("desk").Obj()),
			[]Claim{alone, {Key: "company of user ada"}, {Key: "branch of group desk"}, {Key: "user permissions", Shared: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Review(engine.Compile(domain), tc.change).Claims); diff != "" {
				t.Errorf("Claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConflictingClaims(t *testing.T) {
	for name, tc := range map[string]struct {
		one, other Claim
		want       bool
	}{
		"of other things":  {Claim{Key: "a"}, Claim{Key: "b"}, false},
		"alone":            {Claim{Key: "a"}, Claim{Key: "a"}, true},
		"shared by one":    {Claim{Key: "a", Shared: true}, Claim{Key: "a"}, true},
		"shared by both":   {Claim{Key: "a", Shared: true}, Claim{Key: "a", Shared: true}, false},
		"shared the other": {Claim{Key: "a"}, Claim{Key: "a", Shared: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.one.ConflictsWith(tc.other); got != tc.want {
				t.Errorf("ConflictsWith = %t, want %t", got, tc.want)
			}
		})
	}
}
