package conformance

import (
	"errors"
	"runtime"
	"strings"

	"stampede/runtimes/go/internal/sched"
)

var panicBehaviours = []Behaviour{
	{"panics::payload_reaches_the_handle", payloadReachesTheHandle},
	{"panics::others_do_not_notice", othersDoNotNotice},
	{"panics::in_a_detached_task", inADetachedTask},
	{"panics::deferred_functions_run_in_reverse_order", deferredFunctionsRunInReverseOrder},
	{"panics::an_exit_reaches_the_handle", anExitReachesTheHandle},
}

func payloadReachesTheHandle(t *trial) {
	_, err := spawn(t, func() int { panic("a payload") }).Join()
	var panicked *sched.PanicError
	if !errors.As(err, &panicked) || panicked.Value != "a payload" {
		t.wrong("the panic came as %v", err)
	}
	_, err = spawn(t, func() int { var none *trial; return len(none.wrongs) }).Join()
	if err == nil || !strings.Contains(err.Error(), "nil pointer") {
		t.wrong("the fault came as %v", err)
	}
}

func othersDoNotNotice(t *trial) {
	var fine []*sched.Task[int]
	for i := range 50 {
		fine = append(fine, spawn(t, func() int { runtime.Gosched(); return i }))
		if i%10 == 0 {
			do(t, func() { panic("one of five") })
		}
	}
	for i, task := range fine {
		if got := join(t, task); got != i {
			t.wrong("goroutine %d returned %d", i, got)
		}
	}
}

// Nobody joins a goroutine of a plain go statement: its panic is caught, and can be heard of.
func inADetachedTask(t *trial) {
	go func() {
		defer t.rt.Catch()
		panic("in a detached goroutine")
	}()
	if err := <-t.rt.Failures(); !strings.Contains(err.Error(), "in a detached goroutine") {
		t.wrong("the panic was heard of as %v", err)
	}
	if got := join(t, spawn(t, func() int { return 1 })); got != 1 {
		t.wrong("afterwards a goroutine returned %d", got)
	}
}

func deferredFunctionsRunInReverseOrder(t *trial) {
	var order []int
	_, err := do(t, func() {
		for i := range 3 {
			defer func() { order = append(order, i) }()
		}
		panic("with deferred functions")
	}).Join()
	t.want(err != nil, "the panic did not reach the handle")
	if len(order) != 3 || order[0] != 2 || order[1] != 1 || order[2] != 0 {
		t.wrong("the deferred functions ran in the order %v", order)
	}
}

func anExitReachesTheHandle(t *trial) {
	_, err := spawn(t, func() int { runtime.Goexit(); return 1 }).Join()
	t.want(errors.Is(err, sched.ErrExited), "the exit came as %v", err)
}
