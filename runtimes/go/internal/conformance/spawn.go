package conformance

import (
	"sync"
	"sync/atomic"
	"time"
)

var spawnBehaviours = []Behaviour{
	{"spawn::nested", nested},
	{"spawn::from_another_thread_while_idle", fromAnotherThreadWhileIdle},
	{"spawn::from_several_threads_at_once", fromSeveralThreadsAtOnce},
	{"spawn::from_a_deferred_function", fromADeferredFunction},
}

func nested(t *trial) {
	var descend func(depth int) int
	descend = func(depth int) int {
		if depth == 0 {
			return 0
		}
		return join(t, spawn(t, func() int { return descend(depth - 1) })) + 1
	}
	if depth := descend(200); depth != 200 {
		t.wrong("%d goroutines were nested, not 200", depth)
	}
}

func fromAnotherThreadWhileIdle(t *trial) {
	ran := make(chan int, 1)
	thread := onThread(t, func() {
		for i := range 20 {
			time.Sleep(time.Millisecond) // All workers go to sleep.
			do(t, func() { ran <- i })
			if got := <-ran; got != i {
				t.wrong("goroutine %d ran instead of %d", got, i)
			}
		}
	})
	join(t, thread)
}

func fromSeveralThreadsAtOnce(t *trial) {
	const threads, each = 4, 500
	var ran atomic.Int32
	var all sync.WaitGroup
	all.Add(threads * each)
	for range threads {
		onThread(t, func() {
			for range each {
				go func() {
					defer all.Done()
					defer t.rt.Catch()
					ran.Add(1)
				}()
			}
		})
	}
	all.Wait()
	t.want(ran.Load() == threads*each, "%d of %d goroutines ran", ran.Load(), threads*each)
}

func fromADeferredFunction(t *trial) {
	late := make(chan struct{})
	join(t, do(t, func() {
		defer func() { do(t, func() { close(late) }) }()
	}))
	t.want(within(limit/2, late), "a goroutine spawned by a deferred function did not run")
}
