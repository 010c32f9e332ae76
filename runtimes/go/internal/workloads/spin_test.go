package workloads

import (
	"math"
	"testing"
	"time"
)

func TestALineIsFittedExactly(t *testing.T) {
	steps := []uint64{10, 100, 1_000, 10_000}
	ns := make([]float64, len(steps))
	for i, x := range steps {
		ns[i] = 35 + 1.5*float64(x)
	}
	fit := fitLine(steps, ns)
	if math.Abs(fit.stepNS-1.5) > 1e-9 || math.Abs(fit.callNS-35) > 1e-6 || fit.misfit > 1e-9 {
		t.Errorf("%+v", fit)
	}
	ns[3] *= 1.2
	if fit := fitLine(steps, ns); fit.misfit < 0.05 {
		t.Errorf("a bent line gives %+v", fit)
	}
}

func TestDriftIsRelativeAndHasNoSign(t *testing.T) {
	two := calibration{stepNS: 2}
	for _, later := range []float64{1.9, 2.1} {
		if drift := two.drift(calibration{stepNS: later}); math.Abs(drift-0.05) > 1e-9 {
			t.Errorf("from 2 to %v it is %v", later, drift)
		}
	}
}

// The first number is that of runtimes::spin in Rust: the work is the same.
func TestSpinningIsThatOfTheRustContestants(t *testing.T) {
	if got := spin(1_000); got != 6248290529083013365 {
		t.Errorf("1,000 steps give %d", got)
	}
	if spin(1_000) == spin(1_001) {
		t.Error("a step more changes nothing")
	}
}

func TestAnAlarmIsNeverEarlyAndDoesNotWaitForWhatHasPassed(t *testing.T) {
	alarm, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer alarm.close()
	for _, wait := range []time.Duration{0, -time.Second, 50 * time.Microsecond, time.Millisecond} {
		at := now() + int64(wait)
		if err := alarm.waitUntil(at); err != nil {
			t.Fatal(err)
		}
		if late := now() - at; late < 0 {
			t.Errorf("after %v it was early by %d ns", wait, -late)
		}
	}
}

func TestMemoryThatIsTouchedIsResident(t *testing.T) {
	const bytes = 64 << 20
	before, err := readMemory()
	if err != nil {
		t.Fatal(err)
	}
	room := make([]uint64, bytes/8)
	fillNumbers(room, 1)
	after, err := readMemory()
	if err != nil {
		t.Fatal(err)
	}
	// Less than all: what other tests have freed may be used again.
	if grown := after.since(before).resident; grown < bytes/2 {
		t.Errorf("%d bytes made it grow by %d", bytes, grown)
	}
	if room[len(room)-1] != 1 {
		t.Error("the memory does not hold what was written")
	}
}
