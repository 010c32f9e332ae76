package workloads

import (
	"sync"
	"sync/atomic"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// tightLoop: a goroutine spawns others and then computes for 300 ms in a loop without a call.
// Before Go 1.14 such a loop kept its worker for ever (golang/go#10958).
var tightLoop = Workload{
	Name: "tight_loop",
	Params: []Param{
		{Name: "tasks", Default: 1_000, Min: 1, Max: 1_000_000},
		{Name: "loop_ms", Default: 300, Min: 1, Max: 60_000},
	},
	Small: Params{"tasks": 50, "loop_ms": 10},
	Run:   runTightLoop,
}

func runTightLoop(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	tasks := params["tasks"]
	if err := requireRoom(tasks*iterations, idleBytes); err != nil {
		return Sample{}, err
	}
	rounds := calibrate().rounds(params.float("loop_ms") * 1e6)
	waits, beside := make([]uint64, 0, tasks*iterations), 0
	elapsed, err := drive(rt, func() (time.Duration, error) {
		start := now()
		for range iterations {
			looping := sched.Spawn(rt, func() *looped { return spawnAndLoop(rt, tasks, rounds) })
			l, err := looping.Join()
			if err != nil {
				return 0, err
			}
			l.running.Wait()
			lost := 0
			for i, ran := range l.ran {
				lost += number(ran == 0)
				beside += number(ran < l.end)
				waits = append(waits, uint64(ran-l.spawned[i]))
			}
			if err := check("the tasks that never ran", lost, 0); err != nil {
				return 0, err
			}
		}
		return time.Duration(now() - start), nil
	})
	if err != nil {
		return Sample{}, err
	}
	sample := work(elapsed, uint64(len(waits)))
	sample.Figures = map[string]float64{
		"polled_beside_percent": float64(beside) / float64(len(waits)) * 100,
	}
	sample.Histograms = map[string]Histogram{"latency": histogram(waits)}
	return sample, nil
}

// looped is what the looping goroutine leaves behind.
type looped struct {
	running sync.WaitGroup
	// spawned is when each goroutine was spawned, ran when it ran; 0 for one that never did.
	spawned, ran []int64
	// end is when the loop was over.
	end int64
}

func spawnAndLoop(rt *sched.Runtime, tasks, rounds uint64) *looped {
	l := &looped{spawned: make([]int64, tasks), ran: make([]int64, tasks)}
	l.running.Add(int(tasks))
	for i := range tasks {
		l.spawned[i] = now()
		go func() {
			defer l.running.Done()
			defer rt.Catch()
			l.ran[i] = now()
		}()
	}
	compute(rounds, new(atomic.Uint64))
	l.end = now()
	return l
}
