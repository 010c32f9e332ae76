package workloads

import (
	"math/bits"
	"sync"
	"time"

	"stampede/runtimes/go/internal/random"
	"stampede/runtimes/go/internal/sched"
)

// timers: each goroutine sleeps until a deadline of its own and notes how late it was. Deadlines
// are spread evenly and armed in shuffled order.
var timers = Workload{
	Name: "timers",
	Params: []Param{
		{Name: "timers", Default: 10_000, Min: 1, Max: 1_000_000},
		{Name: "lead_ms", Default: 50, Min: 0, Max: 60_000},
		{Name: "spread_ms", Default: 100, Min: 1, Max: 60_000},
	},
	Small: Params{"timers": 500, "lead_ms": 5, "spread_ms": 20},
	Run:   runTimers,
}

func runTimers(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	count := params["timers"]
	if err := requireRoom(count, idleBytes); err != nil {
		return Sample{}, err
	}
	if err := requireRoom(count*iterations, timesBytes); err != nil {
		return Sample{}, err
	}
	lead := time.Duration(params["lead_ms"]) * time.Millisecond
	offsets := spread(count, time.Duration(params["spread_ms"])*time.Millisecond)
	random.Shuffle(random.New(1), offsets)
	expiries := make([]expiry, count*iterations)
	elapsed, err := drive(rt, func() (time.Duration, error) {
		start := time.Now()
		for iteration := range iterations {
			first := time.Now().Add(lead)
			round := expiries[iteration*count:][:count]
			var wg sync.WaitGroup
			wg.Add(len(offsets))
			for i, offset := range offsets {
				go func() {
					defer wg.Done()
					defer rt.Catch()
					round[i] = expire(first.Add(offset))
				}()
			}
			wg.Wait()
		}
		return time.Since(start), nil
	})
	if err != nil {
		return Sample{}, err
	}
	sample := work(elapsed, count*iterations)
	return sample, evaluateTimers(&sample, expiries)
}

func evaluateTimers(sample *Sample, expiries []expiry) error {
	early, unfired, armedLate := 0, 0, 0
	lateness := make([]uint64, len(expiries))
	for i, expiry := range expiries {
		lateness[i] = uint64(max(expiry.lateness, 0))
		early += number(expiry.lateness < 0)
		unfired += number(!expiry.fired)
		armedLate += number(expiry.armedLate)
	}
	sample.Histograms = map[string]Histogram{"lateness": histogram(lateness)}
	sample.Figures = map[string]float64{"armed_late": float64(armedLate)}
	if err := check("the timers that never fired", unfired, 0); err != nil {
		return err
	}
	return check("the timers that fired early", early, 0)
}

// spread returns count offsets from zero to just below width, at equal distances.
func spread(count uint64, width time.Duration) []time.Duration {
	offsets := make([]time.Duration, count)
	for i := range offsets {
		high, low := bits.Mul64(uint64(width), uint64(i))
		offset, _ := bits.Div64(high, low, count)
		offsets[i] = time.Duration(offset)
	}
	return offsets
}

// expiry is how one timer went.
type expiry struct {
	// lateness runs from the deadline to the moment at which the goroutine ran again.
	lateness time.Duration
	// armedLate says whether the deadline had passed before the timer was armed.
	armedLate bool
	fired     bool
}

func expire(deadline time.Time) expiry {
	left := time.Until(deadline)
	time.Sleep(left)
	return expiry{lateness: time.Since(deadline), armedLate: left < 0, fired: true}
}

// number is 1 for what is true.
func number(is bool) int {
	if is {
		return 1
	}
	return 0
}
