package workloads

import "stampede/runtimes/go/internal/random"

// request is one request, as it is meant to happen.
type request struct {
	// at is the intended arrival, in nanoseconds after the start of the schedule.
	at int64
	// serviceNS is how long it computes.
	serviceNS float64
}

// shape says how service times are distributed.
type shape int

const (
	// fixed: every request takes the mean.
	fixed shape = iota
	// exponential: with Poisson arrivals and one worker, the M/M/1 queue of the textbooks.
	exponential
	// bimodal: one in each period consecutive requests, at a random place, takes longOverShort
	// times as long as the others.
	bimodal
)

const (
	period        = 200
	longOverShort = 1_000.0
)

// poisson draws requests with exponential gaps of mean gapNS and service times of mean serviceNS.
// The same arguments give the requests that they give in Rust; see random for the conversions.
//
// Gaps and service times come from two generators, so that another shape meets the same arrivals.
func poisson(seed uint64, count int, gapNS, serviceNS float64, of shape) []request {
	gaps, services := random.New(seed), random.New(^seed)
	shortNS := serviceNS * period / (period - 1 + longOverShort)
	// A float until the last moment: rounding each gap would bend the rate.
	atNS, long := 0.0, 0
	requests := make([]request, count)
	for i := range requests {
		atNS += float64(gapNS * gaps.Exponential())
		requests[i] = request{at: int64(atNS), serviceNS: serviceNS}
		switch of {
		case exponential:
			requests[i].serviceNS = serviceNS * services.Exponential()
		case bimodal:
			if i%period == 0 {
				long = i + int(services.Below(period))
			}
			requests[i].serviceNS = shortNS
			if i == long {
				requests[i].serviceNS = longOverShort * shortNS
			}
		}
	}
	return requests
}
