package conformance

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// These start and stop the runtime anew, inside the one that the check itself runs on: there is
// only one scheduler, and starting sets it.
var shutdownBehaviours = []Behaviour{
	{"entering::zero_workers_are_refused", zeroWorkersAreRefused},
	{"entering::again_and_again", againAndAgain},
	{"entering::the_workers_are_those_asked_for", theWorkersAreThoseAskedFor},
	{"shutdown::ends_tasks_that_wait_for_a_context", endsTasksThatWaitForAContext},
	{"shutdown::ends_tasks_that_yield_for_ever", endsTasksThatYieldForEver},
	{"shutdown::tells_of_tasks_left_over", tellsOfTasksLeftOver},
	{"shutdown::restores_the_settings", restoresTheSettings},
}

func (t *trial) startAnew(workers int) *sched.Runtime {
	config := t.config
	config.Workers = workers
	rt, err := sched.Start(config)
	t.must("starting", err)
	return rt
}

func (t *trial) stop(rt *sched.Runtime) {
	if _, law := rt.Stop(); law != "" {
		t.wrong("broken law: %s", law)
	}
}

func zeroWorkersAreRefused(t *trial) {
	config := t.config
	config.Workers = 0
	if _, err := sched.Start(config); err == nil || !strings.Contains(err.Error(), "workers is 0") {
		t.wrong("with 0 workers it says %v", err)
	}
}

func againAndAgain(t *trial) {
	for i := range 10 {
		rt := t.startAnew(t.config.Workers)
		if got, err := sched.Spawn(rt, func() int { return i }).Join(); err != nil || got != i {
			t.wrong("run %d gave %d, %v", i, got, err)
		}
		t.stop(rt)
	}
}

func theWorkersAreThoseAskedFor(t *trial) {
	t.want(runtime.GOMAXPROCS(0) == t.config.Workers, "GOMAXPROCS is %d", runtime.GOMAXPROCS(0))
	rt := t.startAnew(3)
	t.want(runtime.GOMAXPROCS(0) == 3, "started with 3 workers GOMAXPROCS is %d",
		runtime.GOMAXPROCS(0))
	t.stop(rt)
	t.want(runtime.GOMAXPROCS(0) == t.config.Workers, "after that it is %d", runtime.GOMAXPROCS(0))
}

func endsTasksThatWaitForAContext(t *trial) {
	rt := t.startAnew(t.config.Workers)
	ctx, cancel := context.WithCancel(context.Background())
	for range 1_000 {
		sched.Spawn(rt, func() error { <-ctx.Done(); return ctx.Err() })
	}
	cancel()
	t.stop(rt)
}

func endsTasksThatYieldForEver(t *trial) {
	rt := t.startAnew(t.config.Workers)
	ctx, cancel := context.WithCancel(context.Background())
	for range 10 {
		sched.Spawn(rt, func() error {
			for ctx.Err() == nil {
				runtime.Gosched()
			}
			return ctx.Err()
		})
	}
	time.Sleep(short)
	cancel()
	t.stop(rt)
}

func tellsOfTasksLeftOver(t *trial) {
	rt := t.startAnew(t.config.Workers)
	release := make(chan struct{})
	task := sched.Spawn(rt, func() int { <-release; return 1 })
	_, law := rt.Stop()
	t.want(law != "", "a goroutine was left over, and nobody says so")
	close(release)
	join(t, task)
}

func restoresTheSettings(t *trial) {
	limit := debug.SetMemoryLimit(-1)
	rt, err := sched.Start(sched.Config{Workers: 2, GCPercent: 33, MemoryLimit: 7 << 30})
	t.must("starting", err)
	t.want(debug.SetMemoryLimit(-1) == 7<<30, "the memory limit was not set")
	t.stop(rt)
	t.want(debug.SetMemoryLimit(-1) == limit, "the memory limit was not restored")
	percent := debug.SetGCPercent(t.config.GCPercent)
	t.want(percent == t.config.GCPercent, "the collector's setting is %d, not %d", percent,
		t.config.GCPercent)
}
