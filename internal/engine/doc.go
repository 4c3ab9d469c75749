// Package engine decides. Compile makes an immutable Domain of the objects of a namespace; Decide, Explain, Effective,
// Filter, AskType and the searches answer from it by the rules of docs/spec/semantics.md, whose numbers are in the names
// of files and the comments. The package is pure: no client, no HTTP, no clock, no log, no goroutine.
//
// Its files are named by floor, and each floor uses those above it in this list:
//
//	store_*    how many objects are held, and the next domain made of the last
//	compile_*  one kind of object each: what it says, compiled
//	walk_*     what all answers share, each rule once: the principal (S2 to S5), its grants (S4 to S7), its restrictions
//	           (S9), the fields that rules cover (S10)
//	stage_*    S1 to S12, one file each, to be read beside semantics.md
//	plan*      what is prepared for users with the same groups and roles: S7, and the decisions that it comes to. The
//	           most frequent requests are decided by a plan, without the stages; it is made by the same walk
//	ask_*      one question each
package engine
