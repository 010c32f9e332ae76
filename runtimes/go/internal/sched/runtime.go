// Package sched starts and stops Go's scheduler: there is one in each process, and to start it
// means to set what can be set.
package sched

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// MaxWorkers is the greatest number of workers that is accepted. Go itself has no limit, and would
// set up a million processors when asked to.
const MaxWorkers = 1024

// Config says how the scheduler is started.
type Config struct {
	// Workers is GOMAXPROCS: how many threads run goroutines at a time.
	Workers int
	// GCPercent is GOGC; negative turns the collector off, but for MemoryLimit.
	GCPercent int
	// MemoryLimit is GOMEMLIMIT, in bytes.
	MemoryLimit int64
}

// Default is Go as it is when its environment says nothing.
func Default(workers int) Config {
	return Config{Workers: workers, GCPercent: 100, MemoryLimit: math.MaxInt64}
}

// Runtime is the scheduler between Start and Stop.
type Runtime struct {
	config   Config
	before   Config
	live     int
	base     Counters
	failures chan error
}

// Start sets the scheduler up, whatever the environment says.
func Start(config Config) (*Runtime, error) {
	if config.Workers < 1 || config.Workers > MaxWorkers {
		return nil, fmt.Errorf("workers is %d: it must lie in 1 to %d", config.Workers, MaxWorkers)
	}
	rt := &Runtime{config: config, before: set(config), failures: make(chan error, 1)}
	// What was there before is nobody's garbage, and the collector's own goroutines exist from its
	// first cycle on.
	runtime.GC()
	rt.live = runtime.NumGoroutine()
	rt.base = readCounters()
	return rt, nil
}

// Workers returns how many there are.
func (rt *Runtime) Workers() int {
	return rt.config.Workers
}

// Stop waits until all goroutines that were made since Start have ended, and sets back what Start
// has set. It returns the final counters, and which law they break: the empty string when every
// goroutine has ended. It is to be called from the goroutine that called Start.
func (rt *Runtime) Stop() (counters map[string]uint64, brokenLaw string) {
	// One that has been joined may still have its last instructions before it.
	const patience = time.Second
	for start := time.Now(); runtime.NumGoroutine() > rt.live && time.Since(start) < patience; {
		time.Sleep(time.Millisecond)
	}
	if left := runtime.NumGoroutine() - rt.live; left != 0 {
		brokenLaw = fmt.Sprintf("goroutines spawned = goroutines completed, but for %d", left)
	}
	counters = rt.Counters()
	set(rt.before)
	return counters, brokenLaw
}

// set applies config and returns what held before.
func set(config Config) (before Config) {
	before.Workers = runtime.GOMAXPROCS(config.Workers)
	before.MemoryLimit = debug.SetMemoryLimit(config.MemoryLimit)
	before.GCPercent = debug.SetGCPercent(config.GCPercent)
	return before
}
