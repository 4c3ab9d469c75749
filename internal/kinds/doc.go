// Package kinds is the table of the kinds that a permission domain is compiled from. Code that goes through all kinds
// ranges over it, so that adding a kind means adding a row here and the files that are about the kind itself.
//
// What a package does differently for each kind is a table of its own, keyed by Kind. A test beside every such table
// walks this one and names the kind and the part that is missing.
package kinds
