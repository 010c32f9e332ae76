package workloads

import (
	"time"

	"stampede/runtimes/go/internal/sched"
)

// chainedSpawn: each goroutine spawns its successor and ends; the last one reports how many ran.
var chainedSpawn = Workload{
	Name:   "chained_spawn",
	Params: []Param{{Name: "links", Default: 1_000, Min: 1, Max: 10_000_000}},
	Small:  Params{"links": 200},
	Run:    runChainedSpawn,
}

func runChainedSpawn(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	links := params["links"]
	elapsed, err := drive(rt, func() (time.Duration, error) {
		start := time.Now()
		for range iterations {
			report := make(chan uint64, 1)
			go link(rt, report, links, 0)
			if err := check("the links that ran", <-report, links); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	return work(elapsed, links*iterations), err
}

// link has left links to go, itself included, after run that have run.
func link(rt *sched.Runtime, report chan<- uint64, left, run uint64) {
	defer rt.Catch()
	if left == 1 {
		report <- run + 1
		return
	}
	go link(rt, report, left-1, run+1)
}
