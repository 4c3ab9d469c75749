package expr

import (
	"runtime"
	"sync"
	"weak"
)

// programs are the compiled expressions that something still holds: a domain, or a check on its way. An
// object is checked before it is compiled, and compiled again whenever anything in it changes; and many
// roles share the same few conditions. Compiling costs as much as a thousand evaluations, and a program
// takes some 13 KiB.
//
// The programs are held weakly: sharing one keeps nothing alive, so there is no size to choose and nothing
// to evict, and no amount of expressions in one namespace takes a program from another. What is kept is what
// the domains keep anyway.
var programs = programTable{held: map[programKey]weak.Pointer[Program]{}}

type programKey struct {
	place  Place
	source string
}

type programTable struct {
	mu   sync.Mutex
	held map[programKey]weak.Pointer[Program]
}

// find gives a program that is in use; nil where there is none.
func (t *programTable) find(place Place, source string) *Program {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held[programKey{place, source}].Value()
}

// keep lets others find a program. It gives the one to use: another, where one was compiled meanwhile.
func (t *programTable) keep(program *Program) *Program {
	key := programKey{program.place, program.source}
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.held[key].Value(); other != nil {
		return other
	}
	t.held[key] = weak.Make(program)
	runtime.AddCleanup(program, t.forget, key)
	return program
}

// forget removes a program that nothing holds any more, unless it has been compiled again.
func (t *programTable) forget(key programKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[key].Value() == nil {
		delete(t.held, key)
	}
}
