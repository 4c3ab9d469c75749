package cli

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/remit-authz/remit/internal/manifests"
)

// settle is how long files must be at rest before they are read again: programs write them in steps.
const settle = 100 * time.Millisecond

// watch tells, until ctx is done, when something in the folders or beside the files has changed and come to
// rest. It watches folders, because programs replace files rather than write into them. The channel is
// closed in the end.
func watch(ctx context.Context, paths []string) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := watchFolders(watcher, paths); err != nil {
		_ = watcher.Close() // the error is that of watching
		return nil, err
	}
	changes := make(chan struct{})
	go func() {
		defer close(changes)
		defer func() { _ = watcher.Close() }() // nothing is left to be told
		rest := time.NewTimer(0)
		<-rest.C
		for {
			select {
			case <-ctx.Done():
				return
			case <-watcher.Events:
				rest.Reset(settle)
			case <-watcher.Errors: //nolint:errcheck // events were lost, whichever they were: everything is read again
				rest.Reset(settle)
			case <-rest.C:
				// Folders may have come; those that have gone are watched no more by themselves. One that
				// cannot be watched cannot be read either, and reading it tells.
				_ = watchFolders(watcher, paths)
				select {
				case changes <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return changes, nil
}

// watchFolders adds every folder below paths, and the folders of those that are files.
func watchFolders(watcher *fsnotify.Watcher, paths []string) error {
	for _, path := range paths {
		if path == manifests.Stdin {
			continue // it is read once
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			if err := watcher.Add(filepath.Dir(path)); err != nil {
				return err
			}
			continue
		}
		err = filepath.WalkDir(path+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				err = watcher.Add(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
