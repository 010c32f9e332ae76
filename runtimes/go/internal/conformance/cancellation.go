package conformance

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// cancellationBehaviours are what Go has instead of abort: a context, which a goroutine is to
// watch.
var cancellationBehaviours = []Behaviour{
	{"cancellation::before_the_start", cancelBeforeTheStart},
	{"cancellation::while_pending", cancelWhilePending},
	{"cancellation::of_a_task_that_yields_for_ever", cancelOfATaskThatYieldsForEver},
	{"cancellation::of_children_with_their_parent", cancelOfChildrenWithTheirParent},
	{"cancellation::after_the_end_keeps_the_output", cancelAfterTheEndKeepsTheOutput},
	{"cancellation::does_not_stop_who_does_not_look", cancelDoesNotStopWhoDoesNotLook},
}

func cancelBeforeTheStart(t *trial) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := join(t, spawn(t, func() error { <-ctx.Done(); return ctx.Err() }))
	t.want(errors.Is(err, context.Canceled), "the context says %v", err)
}

func cancelWhilePending(t *trial) {
	ctx, cancel := context.WithCancel(context.Background())
	waits := make(chan struct{})
	task := spawn(t, func() bool {
		select {
		case waits <- struct{}{}:
		case <-ctx.Done():
		}
		select {
		case <-make(chan struct{}): // Never.
			return false
		case <-ctx.Done():
			return true
		}
	})
	<-waits
	cancel()
	t.want(join(t, task), "the goroutine was woken by something else")
}

func cancelOfATaskThatYieldsForEver(t *trial) {
	ctx, cancel := context.WithCancel(context.Background())
	runs := make(chan struct{})
	task := do(t, func() {
		close(runs)
		for ctx.Err() == nil {
			runtime.Gosched()
		}
	})
	<-runs
	cancel()
	join(t, task)
}

func cancelOfChildrenWithTheirParent(t *trial) {
	parent, cancel := context.WithCancel(context.Background())
	for range 10 {
		child, release := context.WithCancel(parent)
		do(t, func() {
			defer release()
			<-child.Done()
		})
	}
	cancel() // Those that are left over break the law.
}

func cancelAfterTheEndKeepsTheOutput(t *trial) {
	_, cancel := context.WithCancel(context.Background())
	task := spawn(t, func() int { return 9 })
	<-task.Done()
	cancel()
	t.want(join(t, task) == 9, "the output is gone")
}

// The other side of it: nothing ends a goroutine from outside.
func cancelDoesNotStopWhoDoesNotLook(t *trial) {
	_, cancel := context.WithCancel(context.Background())
	var turns atomic.Int64
	var stop atomic.Bool
	task := do(t, func() {
		for !stop.Load() {
			turns.Add(1)
			runtime.Gosched()
		}
	})
	cancel()
	before := turns.Load()
	for start := time.Now(); turns.Load() == before && time.Since(start) < limit/2; {
		time.Sleep(short)
	}
	t.want(turns.Load() > before, "it was stopped all the same")
	stop.Store(true)
	join(t, task)
}
