package workloads

import (
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// pingPong: each goroutine spawns a partner, sends it a message and waits for the answer. A channel
// of capacity 1 that is used once stands where the Rust workload has a one-shot channel.
var pingPong = Workload{
	Name:   "ping_pong",
	Params: []Param{{Name: "pairs", Default: 1_000, Min: 1, Max: 1_000_000}},
	Small:  Params{"pairs": 100},
	Run:    runPingPong,
}

func runPingPong(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	pairs := params["pairs"]
	if err := requireRoom(pairs, 2*idleBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (time.Duration, error) {
		answers := make([]uint64, pairs)
		start := time.Now()
		for range iterations {
			var wg sync.WaitGroup
			wg.Add(int(pairs))
			for i := range pairs {
				go func() {
					defer wg.Done()
					defer rt.Catch()
					answers[i] = askPartner(rt, i)
				}()
			}
			wg.Wait()
			want := sumBelow(pairs) + pairs
			if err := check("the sum of the answers", take(answers), want); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	return work(elapsed, pairs*iterations), err
}

// askPartner sends value to a partner of its own and returns the answer, which must be one more.
func askPartner(rt *sched.Runtime, value uint64) uint64 {
	ping, pong := make(chan uint64, 1), make(chan uint64, 1)
	go func() {
		defer rt.Catch()
		pong <- <-ping + 1
	}()
	ping <- value
	return <-pong
}
