package workloads

import (
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// fanout is how many children each inner goroutine of skynet has.
const fanout = 10

// skynet: a ten-ary tree of goroutines whose leaves are summed. Each leaves its sum in a place of
// its own, and a WaitGroup says when a node's ten are there: the Go version of the skynet benchmark
// has a channel for each node instead, which costs a third more.
var skynet = Workload{
	Name:   "skynet",
	Params: []Param{{Name: "levels", Default: 5, Min: 1, Max: 7}},
	Small:  Params{"levels": 3},
	Run:    runSkynet,
}

func runSkynet(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	leaves := uint64(1)
	for range params["levels"] {
		leaves *= fanout
	}
	// All goroutines of the tree: leaves + leaves/10 + … + the root.
	tasks := (leaves*fanout - 1) / (fanout - 1)
	// In the worst order none has finished before the last is spawned.
	if err := requireRoom(tasks, idleBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (time.Duration, error) {
		start := time.Now()
		for range iterations {
			var root skynetFan
			root.wg.Add(1)
			go root.compute(rt, 0, 0, leaves)
			root.wg.Wait()
			if err := check("the sum of the leaves", root.sums[0], sumBelow(leaves)); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	return work(elapsed, tasks*iterations), err
}

// skynetFan is the children of one goroutine, and what they return.
type skynetFan struct {
	wg   sync.WaitGroup
	sums [fanout]uint64
}

// compute is the child of that index, above the leaves first … first + leaves − 1; itself one, if
// there is one.
func (f *skynetFan) compute(rt *sched.Runtime, index int, first, leaves uint64) {
	defer f.wg.Done()
	defer rt.Catch()
	if leaves == 1 {
		f.sums[index] = first
		return
	}
	var below skynetFan
	below.wg.Add(fanout)
	share := leaves / fanout
	for i := range fanout {
		go below.compute(rt, i, first+uint64(i)*share, share)
	}
	below.wg.Wait()
	for _, sum := range below.sums {
		f.sums[index] += sum
	}
}
