package workloads

import (
	"runtime"
	"sync/atomic"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// greedyClasses: goroutines of two classes take rounds of work out of one pot until it is empty.
// One class yields after every round, some 30 µs, the other after `turn` rounds, some 20 ms. Who
// gets how much is up to the scheduler.
var greedyClasses = Workload{
	Name: "greedy_classes",
	Params: []Param{
		{Name: "rounds", Default: 5_000, Min: 1, Max: 10_000_000},
		{Name: "tasks", Default: 2, Min: 1, Max: 1_000},
		{Name: "turn", Default: 640, Min: 1, Max: 1_000_000},
	},
	Small: Params{"rounds": 200, "turn": 40},
	Run:   runGreedyClasses,
}

func runGreedyClasses(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	rounds, turns := params["rounds"], [2]uint64{1, params["turn"]}
	jainIndex, polite := 0.0, 0.0
	elapsed, err := drive(rt, func() (elapsed time.Duration, err error) {
		for range iterations {
			var pot atomic.Uint64
			pot.Store(rounds)
			running := make([]*sched.Task[uint64], 2*params["tasks"])
			start := time.Now()
			for i := range running {
				// In turn, so that neither class begins before the other.
				turn := turns[i%2]
				running[i] = sched.Spawn(rt, func() uint64 { return draw(&pot, turn) })
			}
			var had [2]uint64
			for i, task := range running {
				n, err := task.Join()
				if err != nil {
					return 0, err
				}
				had[i%2] += n
			}
			elapsed += time.Since(start)
			if err := check("the rounds that were had", had[0]+had[1], rounds); err != nil {
				return 0, err
			}
			jainIndex += jain(had[0], had[1]) / float64(iterations)
			polite += float64(had[0]) / float64(rounds) * 100 / float64(iterations)
		}
		return elapsed, nil
	})
	sample := work(elapsed, rounds*iterations)
	sample.Figures = map[string]float64{"jain_index": jainIndex, "polite_percent": polite}
	return sample, err
}

// draw takes rounds out of the pot, yielding after every turn of them, until it is empty. Returns
// how many it had.
func draw(pot *atomic.Uint64, turn uint64) (had uint64) {
	for {
		left := turn
		for ; left > 0 && takeOne(pot); left-- {
			spin(roundSteps)
			had++
		}
		if left > 0 {
			return had
		}
		runtime.Gosched()
	}
}

// takeOne takes one out of the pot, unless it is empty.
func takeOne(pot *atomic.Uint64) bool {
	for {
		left := pot.Load()
		if left == 0 {
			return false
		}
		if pot.CompareAndSwap(left, left-1) {
			return true
		}
	}
}

// jain is Jain's fairness index of two shares: 1 when they are equal, 0.5 when one has all.
func jain(a, b uint64) float64 {
	x, y := float64(a), float64(b)
	return (x + y) * (x + y) / (2 * (x*x + y*y))
}
