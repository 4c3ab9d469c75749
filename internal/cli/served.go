package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/remit-authz/remit/internal/store"
)

// revisionBytes is how long revisions are before they are written in hexadecimal.
const revisionBytes = 8

// WaitFor does not wait: what the manifests say now is as new as all that they ever said, which is what every
// revision stands for.
func (s *served) WaitFor(_ context.Context, _, revision string) error {
	if sum, err := hex.DecodeString(revision); err != nil || len(sum) != revisionBytes {
		return fmt.Errorf("%q: %w", revision, store.ErrRevision)
	}
	return nil
}

// Heard is now, for changes of the manifests are heard as they are made.
func (s *served) Heard() time.Time { return time.Now() }
