// Package manifests reads Remit's objects from YAML and JSON files, as strictly as an API server with the
// CustomResourceDefinitions installed would: an unknown field, a key given twice, a value of the wrong type
// or one that the schema refuses is an error that names the file, the line, the field and what to do.
//
// The schemas are those of config/crd, so that what is admitted offline is what is admitted online.
package manifests
