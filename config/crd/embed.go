// Package crd holds the CustomResourceDefinitions as they are generated, for those who need them without a
// cluster.
package crd

import "embed"

// Bases are the CustomResourceDefinitions, one file each, in the folder "bases".
//
//go:embed bases/*.yaml
var Bases embed.FS
