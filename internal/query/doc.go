// Package query is what people ask of a domain – who can, what can, which records – as the command line and the console
// both answer it: from what is written in flags and forms to what the answers say.
package query
