package conformance

import "runtime"

// Every goroutine has a stack, so direct style is all there is.
var directBehaviours = []Behaviour{
	{"direct::code_suspends_at_any_depth", codeSuspendsAtAnyDepth},
	{"direct::code_waits_until_another_task_sends", codeWaitsUntilAnotherTaskSends},
}

func codeSuspendsAtAnyDepth(t *trial) {
	var deep func(depth int) int
	deep = func(depth int) int {
		runtime.Gosched()
		if depth == 0 {
			return 0
		}
		below := deep(depth - 1)
		runtime.Gosched()
		return below + 1
	}
	first := spawn(t, func() int { return deep(1_000) })
	second := spawn(t, func() int { return deep(2_000) })
	sum := join(t, first) + join(t, second)
	t.want(sum == 3_000, "the depths came to %d", sum)
}

func codeWaitsUntilAnotherTaskSends(t *trial) {
	channel := make(chan int)
	var wait func(depth int) int
	wait = func(depth int) int {
		if depth == 0 {
			return <-channel
		}
		return wait(depth-1) + 1
	}
	waiting := spawn(t, func() int { return wait(100) })
	do(t, func() { channel <- 11 })
	if got := join(t, waiting); got != 111 {
		t.wrong("what was sent came up as %d", got)
	}
}
