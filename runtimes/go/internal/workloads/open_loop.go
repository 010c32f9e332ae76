package workloads

import (
	"fmt"
	"math"
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// load is what an open-loop run offers.
type load struct {
	// serviceNS is the mean service time.
	serviceNS float64
	// percent is the offered load, in percent of one worker.
	percent float64
	shape   shape
	// requests come after those that only warm the system up.
	requests uint64
	// seed is that of arrivals and service times.
	seed uint64
	// maxDriftPercent is the change of the processor's speed above which the run is void.
	maxDriftPercent float64
}

// openLoop offers the load, each request a goroutine that computes. It returns what happened, and
// by how much the processor's speed changed, in percent.
func openLoop(rt *sched.Runtime, l load) (observed, float64, error) {
	utilisation := l.percent / 100
	gapNS := l.serviceNS / utilisation
	warmUp := uint64(math.Ceil(warmUpNS(l.serviceNS, utilisation) / gapNS))
	if err := requireRoom(warmUp+l.requests, timesBytes); err != nil {
		return observed{}, 0, err
	}
	requests := poisson(l.seed, int(warmUp+l.requests), gapNS, l.serviceNS, l.shape)

	before, err := calibrateWithin(l.maxDriftPercent)
	if err != nil {
		return observed{}, 0, err
	}
	seen, err := drive(rt, func() (observed, error) {
		return offer(rt, requests, int(warmUp), before)
	})
	if err != nil {
		return observed{}, 0, err
	}
	after, err := calibrateWithin(l.maxDriftPercent)
	if err != nil {
		return observed{}, 0, err
	}

	driftPercent := before.drift(after) * 100
	if driftPercent > l.maxDriftPercent {
		return observed{}, 0, &Void{fmt.Sprintf("the processor's speed changed by %.1f %% "+
			"during the run; the limit is %v %%", driftPercent, l.maxDriftPercent)}
	}
	return seen, driftPercent, nil
}

// warmUpNS is how long the queue takes to forget that it began empty: 20·S̄/(1 − √ρ)², at most a
// second.
func warmUpNS(serviceNS, utilisation float64) float64 {
	return min(20*serviceNS/math.Pow(1-math.Sqrt(utilisation), 2), 1e9)
}

// calibrateWithin refuses a calibration whose blocks lie further from the straight line than twice
// the limit: their times are then not those of the steps. One block may be further off than two
// calibrations, which are fits to many.
func calibrateWithin(maxDriftPercent float64) (calibration, error) {
	c := calibrate()
	if c.misfit*100 > 2*maxDriftPercent {
		return c, &Void{fmt.Sprintf("the calibration of the work is off its straight line "+
			"by %.1f %%", c.misfit*100)}
	}
	return c, nil
}

// offer makes every request a goroutine when it is due, and waits until all are done.
//
// No thread generates load: one timer of the kernel fires at the next intended arrival; then
// everything that is due becomes a goroutine. What the poller is late by is the scheduler's to
// answer for, and a late request is never skipped.
func offer(rt *sched.Runtime, requests []request, warmUp int, c calibration) (observed, error) {
	// Time to get from here to the first wait for the alarm.
	const lead = int64(time.Millisecond)

	steps := make([]uint64, len(requests))
	for i, request := range requests {
		steps[i] = c.steps(request.serviceNS)
	}
	done := make([]int64, len(requests))
	spawned := make([]int64, 0, len(requests))
	var serving sync.WaitGroup
	serving.Add(len(requests))
	alarm, err := newAlarm()
	if err != nil {
		return observed{}, err
	}
	defer alarm.close()
	start := now() + lead
	for len(spawned) < len(requests) {
		if err := alarm.waitUntil(start + requests[len(spawned)].at); err != nil {
			return observed{}, err
		}
		// Only what is due now: under overload the others must get their turn between two batches.
		for due := now(); len(spawned) < len(requests); {
			i := len(spawned)
			if start+requests[i].at > due {
				break
			}
			spawned = append(spawned, now())
			go func() {
				defer serving.Done()
				defer rt.Catch()
				spin(steps[i])
				done[i] = now()
			}()
		}
	}
	serving.Wait()
	return observed{requests, warmUp, start, spawned, done}, nil
}
