package workloads

import (
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// spawnManyLocal: a goroutine spawns many that return at once, and waits for them all. Each leaves
// its result in a place of its own; a WaitGroup says when all are there.
var spawnManyLocal = Workload{
	Name:   "spawn_many_local",
	Params: []Param{{Name: "tasks", Default: 10_000, Min: 1, Max: 10_000_000}},
	Small:  Params{"tasks": 500},
	Run:    runSpawnManyLocal,
}

func runSpawnManyLocal(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	tasks := params["tasks"]
	if err := requireRoom(tasks, idleBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (time.Duration, error) {
		outputs := make([]uint64, tasks)
		start := time.Now()
		for range iterations {
			var wg sync.WaitGroup
			wg.Add(int(tasks))
			for i := range tasks {
				go func() {
					defer wg.Done()
					defer rt.Catch()
					outputs[i] = i
				}()
			}
			wg.Wait()
			if err := check("the sum of the outputs", take(outputs), sumBelow(tasks)); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	return work(elapsed, tasks*iterations), err
}

// take returns the sum of what goroutines have left in their places, and clears these: what one of
// them leaves out is then missing from the next sum.
func take(outputs []uint64) (sum uint64) {
	for i, output := range outputs {
		sum += output
		outputs[i] = 0
	}
	return sum
}
