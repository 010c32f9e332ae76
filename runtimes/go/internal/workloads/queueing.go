package workloads

import (
	"time"
)

// observed is what happened to a schedule of requests. All times are nanoseconds on one monotonic
// clock.
type observed struct {
	// requests is the schedule; its times count from start.
	requests []request
	// warmUp is how many of the first requests only warm the system up.
	warmUp int
	// start is when the schedule started.
	start int64
	// spawned is when each request was made a goroutine.
	spawned []int64
	// done is when each request was done; 0 for one that never was.
	done []int64
}

// evaluate checks that every request was served, none faster than its work allows, and sums up
// those after the warm-up.
func (o *observed) evaluate() (Sample, error) {
	unserved, hasty := 0, 0
	for i, done := range o.done {
		// A processor that shares its core can speed up by half in a run, hardly fourfold.
		tooFast := float64(done-o.spawned[i]) < o.requests[i].serviceNS/4
		unserved += number(done == 0)
		hasty += number(tooFast)
	}
	if err := check("the requests that were never served", unserved, 0); err != nil {
		return Sample{}, err
	}
	const hastily = "the requests done in less than a quarter of their service time"
	if err := check(hastily, hasty, 0); err != nil {
		return Sample{}, err
	}

	latency := o.distribution(func(i int) int64 { return o.done[i] - o.intended(i) })
	uncorrected := o.distribution(func(i int) int64 { return o.done[i] - o.spawned[i] })
	lateness := o.distribution(func(i int) int64 { return o.spawned[i] - o.intended(i) })

	count := len(o.requests) - o.warmUp
	first, last := o.intended(o.warmUp), o.intended(len(o.requests)-1)
	end, serviceNS := int64(0), 0.0
	for i := o.warmUp; i < len(o.requests); i++ {
		end = max(end, o.done[i])
		serviceNS += o.requests[i].serviceNS
	}
	rate := func(span int64) float64 { return float64(count) * 1e9 / float64(max(span, 1)) }
	third := func(i int64) int64 { return first + (last-first)*i/3 }

	sample := work(time.Duration(end-first), uint64(count))
	sample.Histograms = map[string]Histogram{"latency": latency, "uncorrected": uncorrected}
	sample.Figures = map[string]float64{
		"offered_per_s":              rate(last - first),
		"achieved_per_s":             rate(end - first),
		"generator_lateness_p999_ns": float64(lateness.quantile(0.999)),
		"in_system_first_third":      o.meanInSystem(third(0), third(1)),
		"in_system_last_third":       o.meanInSystem(third(2), third(3)),
		"realised_mean_service_ns":   serviceNS / float64(count),
	}
	return sample, nil
}

// latencyOfShort has the latencies of the measured requests that take mostNS of service or less.
func (o *observed) latencyOfShort(mostNS float64) Histogram {
	var latencies []uint64
	for i := o.warmUp; i < len(o.requests); i++ {
		if o.requests[i].serviceNS <= mostNS {
			latencies = append(latencies, uint64(o.done[i]-o.intended(i)))
		}
	}
	return histogram(latencies)
}

// distribution is that of a time of each measured request.
func (o *observed) distribution(of func(i int) int64) Histogram {
	values := make([]uint64, 0, len(o.requests)-o.warmUp)
	for i := o.warmUp; i < len(o.requests); i++ {
		values = append(values, uint64(of(i)))
	}
	return histogram(values)
}

// meanInSystem is the time average of the number of requests that have arrived, by intention, and
// are not done.
func (o *observed) meanInSystem(from, to int64) float64 {
	inside := int64(0)
	for i := range o.requests {
		inside += max(min(o.done[i], to)-max(o.intended(i), from), 0)
	}
	return float64(inside) / float64(max(to-from, 1))
}

// intended is when a request was to arrive.
func (o *observed) intended(i int) int64 {
	return o.start + o.requests[i].at
}
