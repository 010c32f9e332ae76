package account

import (
	"testing"
	"time"
)

func TestWorkAndWaitingAreCharged(t *testing.T) {
	before, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for start := time.Now(); time.Since(start) < 20*time.Millisecond; {
		sum++
	}
	time.Sleep(time.Millisecond)
	after, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	spent := after.Since(before)
	if spent["cpu_ns"] == 0 || spent["wall_ns"] < 20_000_000 {
		t.Errorf("%d turns of a loop cost %v", sum, spent)
	}
	for _, name := range []string{"voluntary_switches", "involuntary_switches", "run_delay_ns"} {
		if _, ok := spent[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}
