// Package workloads has what the goroutines are made to do: one workload a file, each the same as
// the one of its name in workloads/src, which says where it comes from and what it shows.
//
// Reading order: this file, drive.go (how a body gets onto the workers), then any workload. Three
// rules are those of the Rust workloads:
//   - the body is itself a goroutine, so that what it spawns starts on a worker;
//   - the clock covers the work alone;
//   - a value that is wrong is an error, and never a time.
package workloads

import (
	"errors"
	"fmt"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// Workload is a load for the scheduler.
type Workload struct {
	// Name is that of the Rust workload.
	Name string
	// Params are its parameters, in the order in which they are shown.
	Params []Param
	// Small has values with which an iteration takes milliseconds, for tests; what is not here has
	// its default.
	Small Params
	// Run does the work iterations times and verifies each result.
	Run func(rt *sched.Runtime, params Params, iterations uint64) (Sample, error)
	// Figures are measured once beside the samples; nil where there are none.
	Figures func(rt *sched.Runtime, params Params) (map[string]float64, error)
}

// All returns the workloads, in the order in which reports show them.
func All() []*Workload {
	return []*Workload{
		&spawnManyLocal,
		&chainedSpawn,
		&yieldMany,
		&switchCostDirect,
		&pingPong,
		&skynet,
		&fib,
		&mpsc,
		&ring,
		&wakeStorm,
		&tcpEchoOwn,
		&acceptStorm,
		&timers,
		&pingPongHog,
		&tightLoop,
		&hogLatency,
		&greedyClasses,
		&dispersionFixed,
		&dispersionExponential,
		&dispersionBimodal,
		&idleMemory,
	}
}

// Find returns the workload of that name, or nil.
func Find(name string) *Workload {
	for _, workload := range All() {
		if workload.Name == name {
			return workload
		}
	}
	return nil
}

// Sample is what one run measured.
type Sample struct {
	// Elapsed is the time of all iterations, preparation and verification excluded.
	Elapsed time.Duration
	// Operations are those of all iterations together.
	Operations uint64
	// BytesPerOperation is what an operation holds; nil where memory is not measured.
	BytesPerOperation *float64
	// Histograms are distributions in nanoseconds, by name.
	Histograms map[string]Histogram
	// Figures are numbers beside the time, by name.
	Figures map[string]float64
}

// Void says that the result was right, but that the measurement did not meet its own conditions.
type Void struct {
	Reason string
}

func (e *Void) Error() string {
	return e.Reason
}

// ErrNotOffered says that the runtime by its nature lacks what the workload is about.
var ErrNotOffered = errors.New("the machine's memory cannot hold so many at once")

// falsified is set by tests alone: whatever is checked is then taken for wrong.
var falsified bool

// check returns an error that says what differs, unless got is want.
func check[T comparable](what string, got, want T) error {
	if got == want && !falsified {
		return nil
	}
	return fmt.Errorf("wrong result: %s is %v, must be %v", what, got, want)
}
