package conformance

import (
	"sync"
	"sync/atomic"
)

var layoutBehaviours = []Behaviour{
	{"layout::many_each_runs_once", manyEachRunsOnce},
	{"layout::a_stack_grows_and_keeps_its_references", aStackGrowsAndKeepsItsReferences},
}

func manyEachRunsOnce(t *trial) {
	const many = 100_000
	runs := make([]atomic.Int32, many)
	var wg sync.WaitGroup
	wg.Add(many)
	for i := range runs {
		go func() {
			defer wg.Done()
			defer t.rt.Catch()
			runs[i].Add(1)
		}()
	}
	wg.Wait()
	for i := range runs {
		if n := runs[i].Load(); n != 1 {
			t.wrong("goroutine %d ran %d times", i, n)
			return
		}
	}
}

// A stack that grows moves, and what points into it must move with it.
func aStackGrowsAndKeepsItsReferences(t *trial) {
	for _, task := range []func() int{
		func() int { return grow(new(int), 0) },
		func() int { local := 0; return grow(&local, 0) },
	} {
		if sum := join(t, spawn(t, task)); sum != 10_000 {
			t.wrong("the sum over a deep stack is %d", sum)
		}
	}
}

//go:noinline
func grow(sum *int, depth int) int {
	var pad [64]byte
	pad[depth%len(pad)] = 1
	*sum += int(pad[depth%len(pad)])
	if depth < 9_999 {
		return grow(sum, depth+1)
	}
	return *sum
}
