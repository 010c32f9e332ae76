package workloads

import (
	"time"

	"stampede/runtimes/go/internal/sched"
)

// ring: one token goes round a ring of goroutines that are joined by channels of capacity 1. They
// are made once; the body is one of the ring.
var ring = Workload{
	Name: "ring",
	Params: []Param{
		{Name: "tasks", Default: 300, Min: 2, Max: 100_000},
		{Name: "laps", Default: 300, Min: 1, Max: 1_000_000},
	},
	Small: Params{"tasks": 20, "laps": 20},
	Run:   runRing,
}

func runRing(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	tasks, laps := params["tasks"], params["laps"]
	elapsed, err := drive(rt, func() (time.Duration, error) {
		first := make(chan uint64, 1)
		last := first
		for range tasks - 1 {
			from, to := last, make(chan uint64, 1)
			go passOn(rt, from, to)
			last = to
		}
		start := time.Now()
		for range iterations {
			token := uint64(0)
			for range laps {
				first <- token + 1
				token = <-last
			}
			if err := check("the hops that the token counted", token, tasks*laps); err != nil {
				return 0, err
			}
		}
		elapsed := time.Since(start)
		// The first goroutine ends and closes the next one's channel, and so on.
		close(first)
		<-last
		return elapsed, nil
	})
	return work(elapsed, tasks*laps*iterations), err
}

// passOn passes tokens on, one more each, until no more come.
func passOn(rt *sched.Runtime, from <-chan uint64, to chan<- uint64) {
	defer rt.Catch()
	defer close(to)
	for token := range from {
		to <- token + 1
	}
}
