package controllers

import (
	"testing"
	"time"
)

// TestAfter sees to it that a clock that is set forward delays status by minutes at most.
func TestAfter(t *testing.T) {
	for name, tc := range map[string]struct{ wait, want time.Duration }{
		"never":             {0, 0},
		"soon":              {time.Second, time.Second},
		"a window in a day": {24 * time.Hour, longestWait},
	} {
		t.Run(name, func(t *testing.T) {
			if got := after(tc.wait).RequeueAfter; got != tc.want {
				t.Errorf("after(%s): RequeueAfter %s, want %s", tc.wait, got, tc.want)
			}
		})
	}
}
