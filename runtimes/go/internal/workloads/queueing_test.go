package workloads

import (
	"math"
	"strings"
	"testing"
)

// seen has four requests of 10 ns that arrive every 100 ns from 1,000 ns on and are spawned 5 ns
// late.
func seen(done ...int64) *observed {
	o := &observed{start: 1_000, done: done}
	for i := range int64(4) {
		o.requests = append(o.requests, request{at: 100 * i, serviceNS: 10})
		o.spawned = append(o.spawned, 1_005+100*i)
	}
	return o
}

func TestLatencyCountsFromTheIntendedStart(t *testing.T) {
	sample, err := seen(1_020, 1_120, 1_220, 1_320).evaluate()
	if err != nil {
		t.Fatal(err)
	}
	if h := sample.Histograms["latency"]; len(h) != 1 || h[0] != [2]uint64{20, 4} {
		t.Errorf("latency is %v", h)
	}
	if h := sample.Histograms["uncorrected"]; len(h) != 1 || h[0] != [2]uint64{15, 4} {
		t.Errorf("uncorrected is %v", h)
	}
	if sample.Elapsed != 320 {
		t.Errorf("it took %v", sample.Elapsed)
	}
	want := map[string]float64{
		"generator_lateness_p999_ns": 5,
		"realised_mean_service_ns":   10,
		// Requests of 20 ns every 100 ns: a fifth of one in the system on average.
		"in_system_first_third": 0.2,
		"in_system_last_third":  0.2,
	}
	for name, want := range want {
		if got := sample.Figures[name]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, must be %v", name, got, want)
		}
	}
}

func TestTheWarmUpIsServedButNotCounted(t *testing.T) {
	o := seen(9_000, 9_000, 9_000, 9_001)
	o.warmUp = 3
	sample, err := o.evaluate()
	if err != nil {
		t.Fatal(err)
	}
	if h := sample.Histograms["latency"]; sample.Operations != 1 || h[0][0] != rounded(7_701) {
		t.Errorf("%d operations, latency %v", sample.Operations, h)
	}
}

func TestTheShortOnesAreToldApartByTheirServiceTime(t *testing.T) {
	o := seen(1_020, 1_150, 1_220, 1_320)
	o.requests[1].serviceNS = 11
	if h := o.latencyOfShort(10); len(h) != 1 || h[0] != [2]uint64{20, 3} {
		t.Errorf("the short ones took %v", h)
	}
}

func TestRequestsThatWereNotServedFailTheRun(t *testing.T) {
	_, err := seen(1_020, 0, 1_220, 1_320).evaluate()
	if err == nil || !strings.Contains(err.Error(), "never served is 1") {
		t.Errorf("an unserved request gives %v", err)
	}
	_, err = seen(1_020, 1_120, 1_207, 1_320).evaluate()
	if err == nil || !strings.Contains(err.Error(), "quarter of their service time is 1") {
		t.Errorf("a request without its work gives %v", err)
	}
}

func TestTimersThatAreWrongFailTheRun(t *testing.T) {
	var sample Sample
	punctual, early := expiry{lateness: 1, fired: true}, expiry{lateness: -1, fired: true}
	err := evaluateTimers(&sample, []expiry{punctual, early})
	if err == nil || !strings.Contains(err.Error(), "fired early is 1") {
		t.Errorf("an early timer gives %v", err)
	}
	err = evaluateTimers(&sample, []expiry{punctual, {}})
	if err == nil || !strings.Contains(err.Error(), "never fired is 1") {
		t.Errorf("a timer that was lost gives %v", err)
	}
}

func TestTripsAreCountedBesideTheHogAndAfterIt(t *testing.T) {
	const ms = 1_000_000
	tests := []struct {
		at            []int64
		beside, after float64
	}{
		{[]int64{12, 14, 16, 18, 19, 22, 24, 26}, 0.5, 0.5},
		{[]int64{21, 22}, 0, 1},         // Without preemption all come after it.
		{[]int64{11, 12, 13, 14}, 1, 0}, // A pair that ends first is timed to its own end.
	}
	for _, test := range tests {
		c := contest{start: 10 * ms, end: 20 * ms}
		for _, at := range test.at {
			c.at = append(c.at, at*ms)
		}
		if c.besidePerMS() != test.beside || c.afterPerMS() != test.after {
			t.Errorf("%v: %v beside, %v after", test.at, c.besidePerMS(), c.afterPerMS())
		}
	}
}

func TestJainsIndex(t *testing.T) {
	for _, test := range []struct {
		a, b uint64
		want float64
	}{{5, 5, 1}, {0, 7, 0.5}, {1, 3, 0.8}} {
		if got := jain(test.a, test.b); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("of %d and %d it is %v", test.a, test.b, got)
		}
	}
}
