package workloads

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// switchCostDirect: a crowd of goroutines yields again and again, each from the bottom of nested
// calls. The clock covers the switches alone: all wait at the bottom before it starts, and wait
// again when each has been resumed so often.
var switchCostDirect = Workload{
	Name: "switch_cost_direct",
	Params: []Param{
		{Name: "tasks", Default: 1_000, Min: 1, Max: 100_000},
		{Name: "depth", Default: 10, Min: 1, Max: 1_000},
		{Name: "switches", Default: 100, Min: 1, Max: 1_000_000},
		{Name: "largest", Default: 1_000, Min: 1, Max: 1_000},
	},
	Small:   Params{"tasks": 20, "depth": 5, "switches": 5, "largest": 10},
	Run:     runSwitchCostDirect,
	Figures: switchCostFigures,
}

// callBytes is more than a nested call takes on a stack that doubles as it grows.
const callBytes = 256

func runSwitchCostDirect(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	tasks, depth, switches := params["tasks"], params["depth"], params["switches"]
	if err := requireRoom(tasks, idleBytes+depth*callBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (elapsed time.Duration, err error) {
		for range iterations {
			ns, err := timeSwitches(rt, tasks, depth, switches)
			if err != nil {
				return 0, err
			}
			elapsed += ns
		}
		return elapsed, nil
	})
	return work(elapsed, tasks*switches*iterations), err
}

// switchSizes are measured beside the samples: what one switch takes in each.
var switchSizes = []struct {
	name         string
	tasks, depth uint64
}{
	{"tasks_1_depth_1_ns", 1, 1},
	{"tasks_1_depth_10_ns", 1, 10},
	{"tasks_1_depth_100_ns", 1, 100},
	{"tasks_1_depth_1000_ns", 1, 1_000},
	{"tasks_1000_depth_1_ns", 1_000, 1},
	{"tasks_1000_depth_10_ns", 1_000, 10},
	{"tasks_1000_depth_100_ns", 1_000, 100},
	{"tasks_1000_depth_1000_ns", 1_000, 1_000},
}

func switchCostFigures(rt *sched.Runtime, params Params) (map[string]float64, error) {
	return drive(rt, func() (map[string]float64, error) {
		figures := map[string]float64{}
		for _, size := range switchSizes {
			if max(size.tasks, size.depth) > params["largest"] {
				continue
			}
			// So many that the crowd takes some milliseconds; the deepest takes more.
			switches := min(max(500_000/(size.tasks*size.depth), 10), 5_000)
			var ns [3]time.Duration
			for i := range ns {
				var err error
				if ns[i], err = timeSwitches(rt, size.tasks, size.depth, switches); err != nil {
					return nil, err
				}
			}
			slices.Sort(ns[:])
			figures[size.name] = float64(ns[1]) / float64(size.tasks*switches)
		}
		return figures, nil
	})
}

// timeSwitches returns the time that all switches of one crowd take.
func timeSwitches(rt *sched.Runtime, tasks, depth, switches uint64) (time.Duration, error) {
	s := &switching{bottom: newEvent(), done: newEvent(), switches: switches}
	s.bottom.expect(int(tasks))
	s.done.expect(int(tasks))
	running := make([]*sched.Task[uint64], tasks)
	for i := range running {
		running[i] = sched.Spawn(rt, func() uint64 { return s.call(depth) })
	}
	s.bottom.allWait()
	start := now()
	s.bottom.fire()
	s.done.allWait()
	elapsed := s.end.Load() - start
	s.done.fire()
	sum := uint64(0)
	for _, task := range running {
		n, err := task.Join()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	want := tasks * (switches + depth - 1)
	if err := check("the switches and levels counted", sum, want); err != nil {
		return 0, err
	}
	return time.Duration(max(elapsed, 1)), nil
}

// switching is what the goroutines of one crowd share.
type switching struct {
	bottom, done *event
	switches     uint64
	// end is when the last one was done.
	end atomic.Int64
}

// call makes depth calls, and the switches at the bottom. Returns the switches, and one for each
// level but the last.
//
//go:noinline
func (s *switching) call(depth uint64) uint64 {
	if depth > 1 {
		return s.call(depth-1) + 1
	}
	s.bottom.wait() // The first switch.
	for range s.switches - 1 {
		runtime.Gosched()
	}
	s.noteEnd(now())
	s.done.wait()
	return s.switches
}

// noteEnd moves the end to at, unless it is later already.
func (s *switching) noteEnd(at int64) {
	for {
		end := s.end.Load()
		if at <= end || s.end.CompareAndSwap(end, at) {
			return
		}
	}
}
