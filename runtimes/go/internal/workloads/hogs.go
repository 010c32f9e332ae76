package workloads

import (
	"sync/atomic"
	"time"
)

// roundSteps lie between two additions to a hog's progress, some 30 µs. A constant, so that the
// progress of hogs in two processes can be compared to better than two calibrations can.
const roundSteps = 16_000

// rounds returns the rounds that take serviceNS, at least one.
func (c calibration) rounds(serviceNS float64) uint64 {
	return max(c.steps(serviceNS)/roundSteps, 1)
}

// compute does rounds of work and adds each to progress. Go preempts it by a signal when it has
// computed for 10 ms and others wait.
func compute(rounds uint64, progress *atomic.Uint64) {
	for range rounds {
		spin(roundSteps)
		progress.Add(1)
	}
}

// hogPause is how long a hog waits between two turns, as a server does for its next request.
const hogPause = 20 * time.Microsecond

// hogs are goroutines that compute for long.
type hogs struct {
	stop atomic.Bool
	// progress is the rounds done by each.
	progress []atomic.Uint64
}

func newHogs(count int) *hogs {
	return &hogs{progress: make([]atomic.Uint64, count)}
}

// hog computes in turns until it is told to stop. Returns the rounds done.
func (h *hogs) hog(index int, turn uint64) (done uint64) {
	for !h.stop.Load() {
		compute(turn, &h.progress[index])
		done += turn
		time.Sleep(hogPause)
	}
	return done
}

// reading returns the time, and the rounds done by then.
func (h *hogs) reading() (at int64, rounds uint64) {
	for i := range h.progress {
		rounds += h.progress[i].Load()
	}
	return now(), rounds
}
