package sched

import (
	"runtime"
	"runtime/metrics"
)

// Counters are readings of what Go itself counts. They cost the goroutines nothing.
type Counters map[string]uint64

// Counters returns what was counted since Start.
func (rt *Runtime) Counters() Counters {
	return readCounters().Since(rt.base)
}

// Since returns what was counted since earlier.
func (c Counters) Since(earlier Counters) Counters {
	since := make(Counters, len(c))
	for name, value := range c {
		since[name] = value - earlier[name]
	}
	return since
}

func readCounters() Counters {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	counters := Counters{
		"gc_cycles":       uint64(memory.NumGC),
		"gc_pause_ns":     memory.PauseTotalNs,
		"allocations":     memory.Mallocs,
		"allocated_bytes": memory.TotalAlloc,
	}
	samples := []metrics.Sample{
		{Name: "/sched/goroutines-created:goroutines"}, // Go 1.26
		{Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(samples)
	if created := samples[0].Value; created.Kind() == metrics.KindUint64 {
		counters["spawned"] = created.Uint64()
		// Below zero at first, for the main goroutine lives and was not created. Only differences
		// are shown.
		counters["completed"] = created.Uint64() - samples[1].Value.Uint64()
	}
	return counters
}
