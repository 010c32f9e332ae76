package workloads

import (
	"time"

	"stampede/runtimes/go/internal/sched"
)

// hogLatency: short requests arrive by their own schedule beside goroutines that compute for 50 ms
// at a time without yielding: response times, and what is left for the hogs.
var hogLatency = Workload{
	Name: "hog_latency",
	Params: []Param{
		{Name: "rate_per_s", Default: 500, Min: 1, Max: 1_000_000},
		{Name: "service_us", Default: 20, Min: 1, Max: 100_000},
		{Name: "requests", Default: 800, Min: 100, Max: 10_000_000},
		{Name: "hogs", Default: 2, Min: 1, Max: 1_000},
		{Name: "hog_ms", Default: 50, Min: 1, Max: 10_000},
		{Name: "seed", Default: 1, Min: 0, Max: 1<<64 - 1},
	},
	Small: Params{"requests": 100, "hog_ms": 5},
	Run:   runHogLatency,
}

const (
	// hogWarmUpNS is how long requests only warm the system up.
	hogWarmUpNS = 100e6
	// hogSettle lies before the first request.
	hogSettle = int64(20 * time.Millisecond)
)

func runHogLatency(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	gapNS := 1e9 / params.float("rate_per_s")
	warmUp := uint64(hogWarmUpNS / gapNS)
	count := warmUp + params["requests"]*iterations
	if err := requireRoom(count, timesBytes); err != nil {
		return Sample{}, err
	}
	serviceNS := params.float("service_us") * 1e3
	requests := poisson(params["seed"], int(count), gapNS, serviceNS, exponential)

	c := calibrate()
	turn := c.rounds(params.float("hog_ms") * 1e6)
	type result struct {
		observed
		hoggingNS int64
		rounds    uint64
	}
	seen, err := drive(rt, func() (result, error) {
		h, running := startHogs(rt, params.int("hogs"), turn)
		// Until then every hog has had a turn: what is read from here on is their steady state.
		if err := pause(hogSettle); err != nil {
			return result{}, err
		}
		from, before := h.reading()
		seen, offerErr := offer(rt, requests, int(warmUp), c)
		to, after := h.reading()
		h.stop.Store(true)
		done := uint64(0)
		for _, hog := range running {
			rounds, err := hog.Join()
			if err != nil {
				return result{}, err
			}
			done += rounds
		}
		_, progress := h.reading()
		if err := check("the rounds that the hogs say they did", done, progress); err != nil {
			return result{}, err
		}
		return result{seen, to - from, after - before}, offerErr
	})
	if err != nil {
		return Sample{}, err
	}
	sample, err := seen.evaluate()
	if err != nil {
		return Sample{}, err
	}
	steps, hogging := float64(seen.rounds*roundSteps), float64(seen.hoggingNS)
	sample.Figures["hog_steps_per_us"] = steps * 1e3 / hogging
	sample.Figures["hog_percent_of_worker"] = steps * c.stepNS / hogging * 100
	return sample, nil
}

// startHogs starts count hogs whose turns have so many rounds.
func startHogs(rt *sched.Runtime, count int, turn uint64) (*hogs, []*sched.Task[uint64]) {
	h := newHogs(count)
	running := make([]*sched.Task[uint64], count)
	for i := range running {
		running[i] = sched.Spawn(rt, func() uint64 { return h.hog(i, turn) })
	}
	return h, running
}

// pause waits for so many nanoseconds by an alarm.
func pause(ns int64) error {
	alarm, err := newAlarm()
	if err != nil {
		return err
	}
	defer alarm.close()
	return alarm.waitUntil(now() + ns)
}
