package workloads

import (
	"math"
	"time"
)

// spin runs so many steps of a xorshift generator: each needs the one before, stays in a register,
// and has no closed form that a compiler could put in its place. It has no call and no other place
// where a goroutine gives way: only a signal can interrupt it.
//
//go:noinline
func spin(steps uint64) uint64 {
	x := uint64(0x9E37_79B9_7F4A_7C15)
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// spinBlocks are steps of about 0.5 µs to 60 µs, which covers the service times used.
var spinBlocks = [...]uint64{250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000}

// spinRounds is how often each block is timed. Its least time is taken, for interruptions only add.
const spinRounds = 200

// calibration says how long spin takes on this machine now.
type calibration struct {
	// stepNS is nanoseconds per step.
	stepNS float64
	// callNS is what a call takes beside its steps, reading the clock included.
	callNS float64
	// misfit is the greatest distance of a block from the straight line, as a part of its time.
	misfit float64
}

// calibrate times blocks of several lengths and fits a line through their minima.
func calibrate() calibration {
	var least [len(spinBlocks)]float64
	for i := range least {
		least[i] = math.Inf(1)
	}
	for range spinRounds {
		for i, steps := range spinBlocks {
			start := time.Now()
			spin(steps)
			least[i] = min(least[i], float64(time.Since(start)))
		}
	}
	return fitLine(spinBlocks[:], least[:])
}

// fitLine finds the least squares of the relative error, so that short blocks weigh as much as long
// ones: with y = call + step·x, y/x is a line in 1/x whose intercept is the step.
func fitLine(steps []uint64, ns []float64) calibration {
	n := float64(len(steps))
	meanU, meanV := 0.0, 0.0
	for i, x := range steps {
		meanU += 1 / float64(x) / n
		meanV += ns[i] / float64(x) / n
	}
	covariance, variance := 0.0, 0.0
	for i, x := range steps {
		u, v := 1/float64(x)-meanU, ns[i]/float64(x)-meanV
		covariance += u * v
		variance += u * u
	}
	c := calibration{callNS: covariance / variance}
	c.stepNS = meanV - c.callNS*meanU
	for i, x := range steps {
		off := math.Abs(c.callNS+c.stepNS*float64(x)-ns[i]) / ns[i]
		c.misfit = max(c.misfit, off)
	}
	return c
}

// steps returns the steps that take serviceNS, to the nearest.
func (c calibration) steps(serviceNS float64) uint64 {
	return uint64(math.Round(serviceNS / c.stepNS))
}

// drift returns by how much the speed of later differs, as a part of this one's.
func (c calibration) drift(later calibration) float64 {
	return math.Abs(later.stepNS/c.stepNS - 1)
}
