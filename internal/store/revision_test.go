package store

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

// The kinds that three builds know: the version before one of the kinds came, this one, and one that knows another.
var (
	seven = slices.DeleteFunc(slices.Clone(kinds.Table), func(row *kinds.Row) bool { return row.Kind == kinds.SpecialPermission })
	eight = kinds.Table
	nine  = append(slices.Clone(kinds.Table), &kinds.Row{Kind: "Ninth", Resource: "ninths", Key: "ni"})
)

func TestRevisionIsReadAsWritten(t *testing.T) {
	v := versions{}
	for i, row := range kinds.Table {
		v.see(row.Kind, []string{"0", "1", "48213", "18446744073709551615"}[i%4])
	}
	got, err := parseRevision(v.revision())
	if err != nil {
		t.Fatalf("parseRevision(%q): %v", v.revision(), err)
	}
	if !got.cover(v, kinds.Table) || !v.cover(got, kinds.Table) {
		t.Errorf("parseRevision(%q) = %v, want %v", v.revision(), got, v)
	}
}

// TestRevisionFitsAQuery puts a token into a URL as callers may, without escaping it.
func TestRevisionFitsAQuery(t *testing.T) {
	v := versions{}
	for _, row := range nine {
		v[row.Key] = 123456789
	}
	query, err := url.ParseQuery("before=1&at_least_revision=" + v.revision() + "&after=2")
	if err != nil || query.Get("at_least_revision") != v.revision() || len(query) != 3 {
		t.Errorf("%q: read as %v, %v", v.revision(), query, err)
	}
}

func TestRevisionText(t *testing.T) {
	for name, tc := range map[string]struct {
		versions versions
		want     string
	}{
		"sorted, in base 36":     {versions{"us": 36, "ro": 7}, "ro=7,us=10"},
		"one of a kind":          {versions{"gr": 35}, "gr=z"},
		"kinds without a change": {versions{"gr": 0, "us": 1}, "us=1"},
		"nothing":                {versions{}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.versions.revision(); got != tc.want {
				t.Errorf("revision = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCover(t *testing.T) {
	of := func(role, user string) versions {
		v := versions{}
		v.see(kinds.Role, role)
		v.see(kinds.User, user)
		return v
	}
	for name, tc := range map[string]struct {
		have, wanted versions
		want         bool
	}{
		"the same":                       {of("7", "9"), of("7", "9"), true},
		"newer":                          {of("8", "9"), of("7", "9"), true},
		"older":                          {of("7", "9"), of("8", "9"), false},
		"older of one, newer of another": {of("8", "9"), of("7", "10"), false},
		"a number with more digits":      {of("10", "0"), of("9", "0"), true},
		"a kind that was never seen":     {of("8", ""), of("8", "1"), false},
		"nothing wanted":                 {of("", ""), of("", ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.have.cover(tc.wanted, kinds.Table); got != tc.want {
				t.Errorf("%v covers %v: %t, want %t", tc.have, tc.wanted, got, tc.want)
			}
		})
	}
}

// TestBuildsUnderstandEachOther has builds that know different kinds read each other's revisions: each waits for what it
// knows, and for nothing else.
func TestBuildsUnderstandEachOther(t *testing.T) {
	builds := map[string][]*kinds.Row{"seven kinds": seven, "eight kinds": eight, "nine kinds": nine}
	for writerName, writer := range builds {
		for readerName, reader := range builds {
			t.Run(writerName+" to "+readerName, func(t *testing.T) {
				written := versions{}
				for _, row := range writer {
					written[row.Key] = 100
				}
				wanted, err := parseRevision(written.revision())
				if err != nil {
					t.Fatalf("a token of a build of %s: %v", writerName, err)
				}
				seen := versions{}
				for _, row := range reader {
					seen[row.Key] = 100
				}
				if !seen.cover(wanted, reader) {
					t.Error("is waited for although everything that both know has been seen")
				}
				for _, row := range reader {
					behind := maps.Clone(seen)
					behind[row.Key] = 99
					if got, want := behind.cover(wanted, reader), !slices.Contains(writer, row); got != want {
						t.Errorf("with %s one version behind, everything has been seen: %t, want %t", row.Kind, got, want)
					}
				}
			})
		}
	}
}

// TestJoinKeepsUnknownKinds: the ledger of a domain passes through builds that know fewer kinds, and must not get older.
func TestJoinKeepsUnknownKinds(t *testing.T) {
	joined, err := Join("ni=5,ro=7,us=1", "", "ro=3,us=2", RevisionOf(kinds.Group, "10"))
	if err != nil || joined != "gr=a,ni=5,ro=7,us=2" {
		t.Errorf("Join = %q, %v", joined, err)
	}
	if joined, err := Join(); err != nil || joined != "0" {
		t.Errorf("Join of nothing = %q, %v", joined, err)
	}
	if _, err := Join("ro=7", "soon"); !errors.Is(err, ErrRevision) {
		t.Errorf("Join of what is no revision: %v", err)
	}
}

// TestPositionalRevisions reads what Remit gave before revisions had keys.
func TestPositionalRevisions(t *testing.T) {
	got, err := parseRevision("0-2s-31-2u-0-0-1-2p")
	want := versions{"rt": 0, "ro": 100, "gr": 109, "us": 102, "up": 0, "sp": 0, "rs": 1, "pp": 97}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; versions (-want +got):\n%s", err, diff)
	}
	if joined, err := Join("0-2s-31-2u-0-0-1-2p", "ro=zz"); err != nil || joined != "gr=31,pp=2p,ro=zz,rs=1,us=2u" {
		t.Errorf("joined with pairs: %q, %v", joined, err)
	}
	for _, key := range positional {
		if !slices.ContainsFunc(kinds.Table, func(row *kinds.Row) bool { return row.Key == key }) {
			t.Errorf("no kind has the key %q any more: who holds an old revision would not be waited for", key)
		}
	}
	order := []kinds.Kind{
		kinds.ResourceType, kinds.Role, kinds.Group, kinds.User, kinds.UserPermission, kinds.SpecialPermission, kinds.RecordSet, kinds.PermissionPolicy,
	}
	for i, kind := range order {
		if row, ok := kinds.Find(kind); !ok || row.Key != positional[i] {
			t.Errorf("the place %d of old revisions is that of %s", i, kind)
		}
	}
}

func TestWhatIsNoRevision(t *testing.T) {
	for _, bad := range []string{
		"", "48213", "soon", "0-0", "0-0-0-0-0-0-0", "0-0-0-0-0-0-0-0-0", "0-0-0-0-0-0-0--1", "+1-0-0-0-0-0-0-0", "x!-0-0-0-0-0-0-0",
		"ro=", "=7", "ro=7,", ",ro=7", "ro=7;us=9", "ro=7,ro=8", "ro=-7", "ro=7=8", "Role=7", "ro=7 ", "ro=zzzzzzzzzzzzzz", "ro=7-0",
		strings.Repeat("ro=7,", 1000) + "us=1", "a=" + strings.Repeat("0", longestRevision),
	} {
		if v, err := parseRevision(bad); !errors.Is(err, ErrRevision) {
			t.Errorf("parseRevision(%.40q) = %v, %v, want ErrRevision", bad, v, err)
		}
		if _, err := Join("ro=1", bad); bad != "" && !errors.Is(err, ErrRevision) {
			t.Errorf("Join(%.40q): %v, want ErrRevision", bad, err)
		}
	}
}

func FuzzRevision(f *testing.F) {
	for _, seed := range []string{
		"0", "ro=2s,us=31", "ni=1", "", "=,=", "ro=1,ro=1", "0-2s-31-2u-0-0-0-2p", "-------", "Z-0-0-0-0-0-0-0", "99999999999999-0-0-0-0-0-0-0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseRevision(text)
		if err != nil {
			if !errors.Is(err, ErrRevision) {
				t.Fatalf("error %v, want ErrRevision", err)
			}
			return
		}
		again, err := parseRevision(v.revision())
		maps.DeleteFunc(v, func(_ string, number uint64) bool { return number == 0 })
		if err != nil || !maps.Equal(v, again) {
			t.Fatalf("%q is %v, and read again %v, error %v", text, v, again, err)
		}
	})
}

// TestStoreOfFewerKinds serves with a build that does not know a kind, asked with a token of one that does.
func TestStoreOfFewerKinds(t *testing.T) {
	f := newFeed(t)
	f.store.kinds = seven
	f.add("a", testobjects.MakeUser("alice").Obj())
	f.drain()
	if f.store.Serves(kinds.SpecialPermission) || !f.store.Serves(kinds.User) || f.store.Serves("Ninth") {
		t.Error("Serves is not about the kinds of the store")
	}
	newer, err := Join(f.domain("a").Revision, "ni=zzz,sp=zzz")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.WaitFor(t.Context(), "a", newer); err != nil {
		t.Errorf("WaitFor a token with kinds that the build does not know: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	newer, err = Join(newer, RevisionOf(engine.KindGroup, "100000"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.WaitFor(ctx, "a", newer); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitFor a group that nobody has seen: %v", err)
	}
}
