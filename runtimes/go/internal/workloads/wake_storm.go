package workloads

import (
	"sync"
	"sync/atomic"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// wakeStorm: one goroutine fires an event on which a crowd waits; the last one to wake answers. The
// event is a channel that is closed, Go's way of telling everybody, and a new one for each storm.
var wakeStorm = Workload{
	Name: "wake_storm",
	Params: []Param{
		{Name: "waiters", Default: 100, Min: 1, Max: 100_000},
		{Name: "storms", Default: 100, Min: 1, Max: 1_000_000},
	},
	Small: Params{"waiters": 20, "storms": 10},
	Run:   runWakeStorm,
}

func runWakeStorm(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	waiters, storms := params["waiters"], params["storms"]*iterations
	elapsed, err := drive(rt, func() (time.Duration, error) {
		c := crowd{answered: make(chan struct{}, 1)}
		c.arm(0, waiters)
		woken := make([]uint64, waiters)
		var wg sync.WaitGroup
		wg.Add(int(waiters))
		for i := range waiters {
			go func() {
				defer wg.Done()
				defer rt.Catch()
				woken[i] = c.waitOut(storms)
			}()
		}
		<-c.answered
		start := time.Now()
		for storm := range storms {
			c.arm(storm+1, waiters)
			close(c.gates[storm%2])
			<-c.answered
		}
		elapsed := time.Since(start)
		wg.Wait()
		return elapsed, check("the wakes counted by the waiters", take(woken), waiters*storms)
	})
	return work(elapsed, waiters*storms), err
}

// crowd is what the waiters and the one who wakes them share.
type crowd struct {
	// gates are closed in turn. While the waiters wait at one, the other is made anew.
	gates [2]chan struct{}
	// missing is how many have yet to answer.
	missing atomic.Int64
	// answered is sent to by the last one.
	answered chan struct{}
}

// arm makes the gate of a storm, before which every waiter is to answer.
func (c *crowd) arm(storm, waiters uint64) {
	c.gates[storm%2] = make(chan struct{})
	c.missing.Store(int64(waiters))
}

// waitOut waits out so many storms and returns how many woke it.
func (c *crowd) waitOut(storms uint64) (woken uint64) {
	c.answer()
	for storm := range storms {
		<-c.gates[storm%2]
		woken++
		c.answer()
	}
	return woken
}

func (c *crowd) answer() {
	if c.missing.Add(-1) == 0 {
		c.answered <- struct{}{}
	}
}
