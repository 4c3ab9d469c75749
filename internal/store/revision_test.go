package store

import (
	"errors"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
)

func TestRevisionIsReadAsWritten(t *testing.T) {
	v := newVersions()
	for i, kind := range engine.Kinds {
		v.see(kind, []string{"0", "1", "48213", "18446744073709551615"}[i%4])
	}
	got, err := parseRevision(v.revision())
	if err != nil {
		t.Fatalf("parseRevision(%q): %v", v.revision(), err)
	}
	if !got.cover(v) || !v.cover(got) {
		t.Errorf("parseRevision(%q) = %v, want %v", v.revision(), got, v)
	}
}

func TestAtLeast(t *testing.T) {
	revision := func(role, user string) string {
		v := newVersions()
		v.see(engine.KindRole, role)
		v.see(engine.KindUser, user)
		return v.revision()
	}
	for name, tc := range map[string]struct {
		revision, wanted string
		want             bool
	}{
		"the same":                       {revision("7", "9"), revision("7", "9"), true},
		"newer":                          {revision("8", "9"), revision("7", "9"), true},
		"older":                          {revision("7", "9"), revision("8", "9"), false},
		"older of one, newer of another": {revision("8", "9"), revision("7", "10"), false},
		"a number with more digits":      {revision("10", "0"), revision("9", "0"), true},
		"a kind that was never seen":     {revision("8", ""), revision("8", "1"), false},
		"nothing wanted":                 {revision("", ""), revision("", ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := AtLeast(tc.revision, tc.wanted)
			if err != nil || got != tc.want {
				t.Errorf("AtLeast(%q, %q) = %v, %v, want %v", tc.revision, tc.wanted, got, err, tc.want)
			}
		})
	}
}

func TestAtLeastRefusesOtherTexts(t *testing.T) {
	good := newVersions().revision()
	for _, bad := range []string{"", "48213", good + "-0", good[2:], "x" + good[1:] + "!", "0-0-0-0-0-0-0--1", "+1" + good[1:]} {
		for _, pair := range [][2]string{{good, bad}, {bad, good}} {
			if _, err := AtLeast(pair[0], pair[1]); !errors.Is(err, ErrRevision) {
				t.Errorf("AtLeast(%q, %q): got error %v, want ErrRevision", pair[0], pair[1], err)
			}
		}
	}
}

func FuzzRevision(f *testing.F) {
	for _, seed := range []string{newVersions().revision(), "0-2s-31-2u-0-0-0-2p", "", "-------", "Z-0-0-0-0-0-0-0", "99999999999999-0-0-0-0-0-0-0"} {
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
		if err != nil || !again.cover(v) || !v.cover(again) {
			t.Fatalf("%q is %v, and read again %v, error %v", text, v, again, err)
		}
	})
}
