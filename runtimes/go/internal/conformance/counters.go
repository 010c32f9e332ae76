package conformance

import (
	"runtime"
	"time"
)

var counterBehaviours = []Behaviour{
	{"counters::conserve_tasks", conserveTasks},
	{"counters::only_grow", onlyGrow},
}

func conserveTasks(t *trial) {
	const many = 1_000
	before := t.rt.Counters()
	for range many {
		join(t, do(t, nothing))
	}
	after := t.settled(many, before["completed"])
	if _, counted := after["spawned"]; !counted {
		return // Before Go 1.26 they are not kept.
	}
	spawned := after["spawned"] - before["spawned"]
	completed := after["completed"] - before["completed"]
	t.want(spawned == many, "%d goroutines were spawned, not %d", spawned, many)
	t.want(completed == many, "%d goroutines completed, not %d", completed, many)
}

// settled returns the counters when so many goroutines have left after before, or some time later:
// one that was joined has yet to leave.
func (t *trial) settled(many, before uint64) map[string]uint64 {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		counters := t.rt.Counters()
		if counters["completed"]-before >= many || time.Since(start) > limit/10 {
			return counters
		}
	}
}

func onlyGrow(t *trial) {
	before := t.rt.Counters()
	for range 20 {
		for range 50 {
			join(t, do(t, runtime.Gosched))
		}
		after := t.rt.Counters()
		for name, value := range after {
			t.want(value >= before[name], "%s fell from %d to %d", name, before[name], value)
		}
		before = after
	}
}
