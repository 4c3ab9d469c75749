// Package permissiontest reads and runs PermissionTest files: expectations of what a set of manifests decides.
//
// A file names manifests and lists tests, each of one kind: a decision, a search, effective permissions, an
// admission, a filter. What a test expects is compared key by key, only the keys that it gives; lists
// compare as sets. The format is strict: a key that it does not know makes the file an error, because a
// test that compares nothing always passes.
package permissiontest
