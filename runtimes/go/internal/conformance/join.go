package conformance

import (
	"runtime"

	"stampede/runtimes/go/internal/sched"
)

var joinBehaviours = []Behaviour{
	{"join::output_arrives", outputArrives},
	{"join::dropping_detaches", droppingDetaches},
	{"join::handle_moves_between_tasks", handleMovesBetweenTasks},
	{"join::a_plain_thread_awaits", aPlainThreadAwaits},
	{"join::twice_gives_the_same", twiceGivesTheSame},
}

func outputArrives(t *trial) {
	for i := range 100 {
		early := spawn(t, func() int { return i })
		late := spawn(t, func() int { runtime.Gosched(); return i + 1 })
		if got := join(t, early); got != i {
			t.wrong("the output is %d, not %d", got, i)
		}
		if got := join(t, late); got != i+1 {
			t.wrong("the output after a yield is %d, not %d", got, i+1)
		}
	}
}

// A goroutine outlives its handle, and the function that has spawned it.
func droppingDetaches(t *trial) {
	release, ran := make(chan struct{}), make(chan struct{})
	func() {
		do(t, func() { <-release; close(ran) })
	}()
	runtime.GC() // Nothing refers to the handle any more.
	close(release)
	t.want(within(limit/2, ran), "the goroutine ended with its handle")
}

func handleMovesBetweenTasks(t *trial) {
	handles := make(chan *sched.Task[int], 1)
	sum := spawn(t, func() int { return join(t, <-handles) + 1 })
	handles <- spawn(t, func() int { runtime.Gosched(); return 41 })
	if got := join(t, sum); got != 42 {
		t.wrong("the output came as %d", got)
	}
}

func aPlainThreadAwaits(t *trial) {
	task := spawn(t, func() int { runtime.Gosched(); return 7 })
	got := 0
	join(t, onThread(t, func() { got = join(t, task) }))
	t.want(got == 7, "the thread was given %d", got)
}

func twiceGivesTheSame(t *trial) {
	task := spawn(t, func() int { return 3 })
	first, second := join(t, task), join(t, task)
	t.want(first == 3 && second == 3, "joined twice it gave %d and %d", first, second)
}
