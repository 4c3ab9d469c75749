package expr

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestCompileSharesPrograms(t *testing.T) {
	const source = "subject.id == 'shared'"
	first, err := Compile(Condition, source)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Compile(Condition, source)
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Error("compiling the same again gave another program")
	}
	elsewhere, err := Compile(MemberCondition, source)
	if err != nil {
		t.Fatal(err)
	}
	if elsewhere == first {
		t.Error("places share a program, though their variables differ")
	}
	runtime.KeepAlive(first)
}

// TestProgramsAreForgotten shows that the table holds no more than what is in use.
func TestProgramsAreForgotten(t *testing.T) {
	kept, err := Compile(Condition, "subject.id == 'kept'")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := Compile(Condition, "subject.id == 'dropped"+strconv.Itoa(i)+"'"); err != nil {
			t.Fatal(err)
		}
	}
	dropped := func() (n int) {
		programs.mu.Lock()
		defer programs.mu.Unlock()
		for key := range programs.held {
			if strings.Contains(key.source, "dropped") {
				n++
			}
		}
		return n
	}
	for range 100 {
		if dropped() == 0 {
			break
		}
		runtime.GC() // cleanups run after it, by themselves
	}
	if n := dropped(); n > 0 {
		t.Errorf("the table still knows %d programs that nothing holds", n)
	}
	if again, err := Compile(Condition, "subject.id == 'kept'"); err != nil || again != kept {
		t.Errorf("a program in use was forgotten (error: %v)", err)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := Compile(Condition, "resource.properties.p"+strconv.Itoa(i)+" == subject.id"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		const source = "resource.properties.owner == subject.id"
		held, err := Compile(Condition, source)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if again, err := Compile(Condition, source); err != nil || again != held {
				b.Fatal("not the same program")
			}
		}
	})
}
