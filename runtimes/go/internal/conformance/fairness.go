package conformance

import (
	"runtime"
	"sync"
	"sync/atomic"

	"stampede/runtimes/go/internal/sched"
)

// fairnessBehaviours leave out fairness::endless_offspring_starves_nobody: what is spawned last
// runs next, in the time slice of its parent, and with one worker the others wait for seconds.
var fairnessBehaviours = []Behaviour{
	{"fairness::hogs_do_not_starve_a_new_task", hogsDoNotStarveANewTask},
	{"fairness::hogs_do_not_starve_a_task_from_outside", hogsDoNotStarveATaskFromOutside},
	{"fairness::hogs_do_not_starve_a_woken_task", hogsDoNotStarveAWokenTask},
	{"fairness::a_pair_that_wakes_each_other_starves_nobody", aPairStarvesNobody},
	{"fairness::hogs_share", hogsShare},
}

// besideHogs runs body beside twice as many goroutines that only do `turn` as there are workers.
func besideHogs(t *trial, turn, body func()) {
	var stop atomic.Bool
	var running, ended sync.WaitGroup
	hogs := 2 * t.rt.Workers()
	running.Add(hogs)
	ended.Add(hogs)
	for range hogs {
		do(t, func() {
			defer ended.Done()
			running.Done()
			for !stop.Load() {
				turn()
			}
		})
	}
	running.Wait()
	body()
	stop.Store(true)
	ended.Wait()
}

func hogsDoNotStarveANewTask(t *trial) {
	besideHogs(t, runtime.Gosched, func() {
		for range 10 {
			join(t, do(t, runtime.Gosched))
		}
	})
}

func hogsDoNotStarveATaskFromOutside(t *trial) {
	besideHogs(t, runtime.Gosched, func() {
		join(t, onThread(t, func() {
			for range 10 {
				join(t, do(t, runtime.Gosched))
			}
		}))
	})
}

func hogsDoNotStarveAWokenTask(t *trial) {
	besideHogs(t, runtime.Gosched, func() {
		ping, pong := make(chan int), make(chan int)
		task := do(t, func() {
			for n := range ping {
				pong <- n
			}
		})
		join(t, onThread(t, func() {
			for n := range 10 {
				ping <- n
				<-pong
			}
			close(ping)
		}))
		join(t, task)
	})
}

// Who is woken last runs next: a pair could pass the worker to and fro for ever.
func aPairStarvesNobody(t *trial) {
	stop := make(chan struct{})
	var pairs []*sched.Task[struct{}]
	for range t.rt.Workers() {
		left, right := make(chan int), make(chan int)
		pairs = append(pairs, do(t, func() {
			defer close(left)
			for {
				select {
				case left <- 1:
					<-right
				case <-stop:
					return
				}
			}
		}), do(t, func() {
			for range left {
				right <- 1
			}
		}))
	}
	for range 5 {
		join(t, do(t, runtime.Gosched))
	}
	close(stop)
	for _, task := range pairs {
		join(t, task)
	}
}

// Everybody advances while the others yield: nobody needs the others' end.
func hogsShare(t *trial) {
	const hogs = 8
	var there atomic.Int32
	var all []*sched.Task[struct{}]
	for range hogs {
		all = append(all, do(t, func() {
			for range 100 {
				runtime.Gosched()
			}
			there.Add(1)
			for there.Load() < hogs {
				runtime.Gosched()
			}
		}))
	}
	for _, task := range all {
		join(t, task)
	}
}
