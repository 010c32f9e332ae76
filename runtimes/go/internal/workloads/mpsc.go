package workloads

import (
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// mpsc: several producers send numbers to one consumer over a bounded channel. The channel is made
// once.
var mpsc = Workload{
	Name: "mpsc",
	Params: []Param{
		{Name: "producers", Default: 5, Min: 1, Max: 1_000},
		{Name: "messages", Default: 1_000, Min: 1, Max: 1_000_000},
		{Name: "capacity", Default: 100, Min: 1, Max: 1_000_000},
	},
	Small: Params{"messages": 100, "capacity": 7},
	Run:   runMpsc,
}

func runMpsc(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	producers, messages := params["producers"], params["messages"]
	all := producers * messages
	elapsed, err := drive(rt, func() (time.Duration, error) {
		channel := make(chan uint64, params.int("capacity"))
		start := time.Now()
		for range iterations {
			var wg sync.WaitGroup
			wg.Add(int(producers))
			for producer := range producers {
				go func() {
					defer wg.Done()
					defer rt.Catch()
					produce(channel, producer*messages, messages)
				}()
			}
			sum := uint64(0)
			for range all {
				sum += <-channel
			}
			if err := check("the sum of the messages", sum, sumBelow(all)); err != nil {
				return 0, err
			}
			wg.Wait()
		}
		return time.Since(start), nil
	})
	return work(elapsed, all*iterations), err
}

// produce sends first … first + count − 1.
func produce(to chan<- uint64, first, count uint64) {
	for message := first; message < first+count; message++ {
		to <- message
	}
}
