package workloads

import (
	"sort"
	"sync/atomic"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// pingPongHog: a goroutine computes for 100 ms without yielding, while two others pass a message to
// and fro. The hog spawns the pair, computes and ends; the pair goes on to its last round trip.
var pingPongHog = Workload{
	Name: "ping_pong_hog",
	Params: []Param{
		{Name: "trips", Default: 500_000, Min: 1, Max: 10_000_000},
		{Name: "hog_ms", Default: 100, Min: 1, Max: 60_000},
	},
	Small: Params{"trips": 200, "hog_ms": 10},
	Run:   runPingPongHog,
}

func runPingPongHog(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	trips := params["trips"]
	if err := requireRoom(trips*iterations, timesBytes); err != nil {
		return Sample{}, err
	}
	c := calibrate()
	rounds := c.rounds(params.float("hog_ms") * 1e6)
	var contests []contest
	elapsed, err := drive(rt, func() (time.Duration, error) {
		start := now()
		for range iterations {
			hog := sched.Spawn(rt, func() hogged { return hogBesidePair(rt, trips, rounds) })
			pair, err := hog.Join()
			if err != nil {
				return 0, err
			}
			at, err := join(pair.ping)
			if err != nil {
				return 0, err
			}
			sum, err := pair.pong.Join()
			if err != nil {
				return 0, err
			}
			if err := check("the answers given", sum, sumBelow(trips)); err != nil {
				return 0, err
			}
			contests = append(contests, contest{pair.start, pair.end, at})
		}
		return time.Duration(now() - start), nil
	})
	if err != nil {
		return Sample{}, err
	}
	return evaluateContests(contests, work(elapsed, trips*iterations)), nil
}

func evaluateContests(contests []contest, sample Sample) Sample {
	gaps := make([]uint64, 0, sample.Operations)
	beside, after := 0.0, 0.0
	for _, contest := range contests {
		gaps = contest.appendGaps(gaps)
		beside += contest.besidePerMS() / float64(len(contests))
		after += contest.afterPerMS() / float64(len(contests))
	}
	longest := uint64(0)
	for _, gap := range gaps {
		longest = max(longest, gap)
	}
	sample.Histograms = map[string]Histogram{"latency": histogram(gaps)}
	sample.Figures = map[string]float64{
		"trips_beside_per_ms": beside,
		"trips_after_per_ms":  after,
		"longest_silence_ns":  float64(longest),
	}
	return sample
}

// hogged is what the hog leaves behind.
type hogged struct {
	ping *sched.Task[outcome[[]int64]]
	pong *sched.Task[uint64]
	// start is when the hog began to compute, end when it had done.
	start, end int64
}

func hogBesidePair(rt *sched.Runtime, trips, rounds uint64) hogged {
	to, from := make(chan uint64, 1), make(chan uint64, 1)
	h := hogged{
		pong: sched.Spawn(rt, func() uint64 { return pong(to, from) }),
		ping: spawn(rt, func() ([]int64, error) { return ping(trips, to, from) }),
	}
	h.start = now()
	compute(rounds, new(atomic.Uint64))
	h.end = now()
	return h
}

// ping sends each number and awaits it back. Returns when each came.
func ping(trips uint64, to chan<- uint64, from <-chan uint64) ([]int64, error) {
	defer close(to)
	at := make([]int64, 0, trips)
	for number := range trips {
		to <- number
		if err := check("the number that came back", <-from, number); err != nil {
			return nil, err
		}
		at = append(at, now())
	}
	return at, nil
}

// pong sends back what comes, and returns the sum.
func pong(from <-chan uint64, to chan<- uint64) (sum uint64) {
	for number := range from {
		sum += number
		to <- number
	}
	return sum
}

// contest has the times of one iteration.
type contest struct {
	start, end int64
	// at is when each round trip was over.
	at []int64
}

// beside is the number of round trips before the hog's end.
func (c *contest) beside() int {
	return sort.Search(len(c.at), func(i int) bool { return c.at[i] >= c.end })
}

func (c *contest) besidePerMS() float64 {
	until := min(c.last(), c.end)
	return float64(c.beside()) * 1e6 / float64(max(until-c.start, 1))
}

// afterPerMS is 0 when no round trip was left.
func (c *contest) afterPerMS() float64 {
	after := len(c.at) - c.beside()
	return float64(after) * 1e6 / float64(max(c.last()-c.end, 1))
}

// last is when the last round trip was over.
func (c *contest) last() int64 {
	return c.at[len(c.at)-1]
}

// appendGaps appends the time of each round trip, the first from the hog's start on. With a second
// worker that one may be over before the hog computes.
func (c *contest) appendGaps(gaps []uint64) []uint64 {
	before := c.start
	for _, at := range c.at {
		gaps = append(gaps, uint64(max(at-before, 0)))
		before = at
	}
	return gaps
}
