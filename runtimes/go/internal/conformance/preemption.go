package conformance

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Go steps in by a signal where a goroutine has computed for 10 ms and others wait. Nobody in these
// checks gives way, with one worker as with several.
var preemptionBehaviours = []Behaviour{
	{"preemption::a_loop_does_not_starve_a_new_task", aLoopDoesNotStarveANewTask},
	{"preemption::a_loop_does_not_starve_timers", aLoopDoesNotStarveTimers},
	{"preemption::a_loop_does_not_starve_sockets", aLoopDoesNotStarveSockets},
	{"preemption::loops_share", loopsShare},
	{"preemption::a_loop_keeps_its_registers", aLoopKeepsItsRegisters},
	{"preemption::a_loop_does_not_hold_up_a_stop_of_the_world", aLoopDoesNotHoldUpAStop},
}

// nothing is a turn of a loop that gives way nowhere.
func nothing() {}

func aLoopDoesNotStarveANewTask(t *trial) {
	besideHogs(t, nothing, func() {
		for range 5 {
			join(t, do(t, nothing))
		}
	})
}

func aLoopDoesNotStarveTimers(t *trial) {
	besideHogs(t, nothing, func() {
		for range 5 {
			start := time.Now()
			join(t, do(t, func() { time.Sleep(short) }))
			t.want(time.Since(start) >= short, "a sleep was too short")
		}
	})
}

func aLoopDoesNotStarveSockets(t *trial) {
	besideHogs(t, nothing, func() {
		echoTo(t, "tcp", "127.0.0.1:0", 2)
	})
}

// All loops advance, although none lets go.
func loopsShare(t *trial) {
	hogs := 2 * t.rt.Workers()
	progress := make([]atomic.Int64, hogs)
	var stop atomic.Bool
	for i := range progress {
		do(t, func() {
			for !stop.Load() {
				progress[i].Add(1)
			}
		})
	}
	start := time.Now()
	for i := range progress {
		for progress[i].Load() == 0 && time.Since(start) < limit/2 {
			time.Sleep(time.Millisecond)
		}
		t.want(progress[i].Load() > 0, "loop %d of %d was never run", i, hogs)
	}
	stop.Store(true)
}

// A signal may interrupt any instruction, and what was in the registers must be there again.
func aLoopKeepsItsRegisters(t *trial) {
	const steps = 20_000_000
	want := generate(steps)
	first := spawn(t, func() uint64 { return generate(steps) })
	second := spawn(t, func() uint64 { return generate(steps) })
	for _, got := range []uint64{join(t, first), join(t, second)} {
		t.want(got == want, "the loop computed %#x, not %#x", got, want)
	}
}

//go:noinline
func generate(steps int) uint64 {
	x, sum := uint64(1), 0.0
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		sum += float64(x & 3)
	}
	return x ^ uint64(sum)
}

// The collector, and who reads its statistics, stop all goroutines for a moment. A loop that cannot
// be stopped would hold that up for ever.
func aLoopDoesNotHoldUpAStop(t *trial) {
	besideHogs(t, nothing, func() {
		for range 5 {
			runtime.ReadMemStats(new(runtime.MemStats))
		}
	})
}
