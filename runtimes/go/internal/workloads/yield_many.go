package workloads

import (
	"runtime"
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// yieldMany: every goroutine of a crowd yields again and again. Gosched puts it at the end of the
// queue that all workers share: that is Go's answer to a task that gives way.
var yieldMany = Workload{
	Name: "yield_many",
	Params: []Param{
		{Name: "tasks", Default: 200, Min: 1, Max: 1_000_000},
		{Name: "yields", Default: 1_000, Min: 1, Max: 1_000_000},
	},
	Small: Params{"tasks": 20, "yields": 50},
	Run:   runYieldMany,
}

func runYieldMany(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	tasks, yields := params["tasks"], params["yields"]
	if err := requireRoom(tasks, idleBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (time.Duration, error) {
		resumed := make([]uint64, tasks)
		start := time.Now()
		for range iterations {
			var wg sync.WaitGroup
			wg.Add(int(tasks))
			for i := range tasks {
				go func() {
					defer wg.Done()
					defer rt.Catch()
					resumed[i] = yieldTimes(yields)
				}()
			}
			wg.Wait()
			if err := check("the yields counted", take(resumed), tasks*yields); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	return work(elapsed, tasks*yields*iterations), err
}

// yieldTimes returns how often it was resumed.
func yieldTimes(times uint64) (resumed uint64) {
	for range times {
		runtime.Gosched()
		resumed++
	}
	return resumed
}
