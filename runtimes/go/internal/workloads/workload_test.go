package workloads

import (
	"errors"
	"strings"
	"testing"

	"stampede/runtimes/go/internal/sched"
)

func start(t *testing.T, workers int) *sched.Runtime {
	t.Helper()
	rt, err := sched.Start(sched.Default(workers))
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func stop(t *testing.T, rt *sched.Runtime) {
	t.Helper()
	if _, law := rt.Stop(); law != "" {
		t.Error(law)
	}
}

// memoryNames are the workloads that measure memory.
var memoryNames = map[string]bool{"idle_memory": true}

// latencyNames are those that measure latency.
var latencyNames = map[string]bool{
	"timers": true, "ping_pong_hog": true, "tight_loop": true, "hog_latency": true,
	"dispersion_fixed": true, "dispersion_exponential": true, "dispersion_bimodal": true,
}

func TestEveryWorkloadVerifies(t *testing.T) {
	for _, workload := range All() {
		for _, workers := range []int{1, 2} {
			t.Run(workload.Name, func(t *testing.T) {
				rt := start(t, workers)
				defer stop(t, rt)
				params := workload.Defaults(workload.Small)
				if err := workload.Validate(params); err != nil {
					t.Fatal(err)
				}
				one := run(t, workload, rt, params, 1)
				three := run(t, workload, rt, params, 3)
				if one.Operations == 0 || three.Operations != 3*one.Operations {
					t.Errorf("%d operations, then %d", one.Operations, three.Operations)
				}
				if one.Elapsed <= 0 {
					t.Errorf("it took %v", one.Elapsed)
				}
				if memoryNames[workload.Name] != (one.BytesPerOperation != nil) {
					t.Error("memory workloads, and they alone, measure memory")
				}
				if latencyNames[workload.Name] != (len(one.Histograms) > 0) {
					t.Error("latency workloads, and they alone, have distributions")
				}
				for name, histogram := range three.Histograms {
					count := histogram.count()
					part := name == "short" && count > 0 && count < three.Operations
					if count != three.Operations && !part {
						t.Errorf("`%s` holds %d of %d operations", name, count, three.Operations)
					}
				}
			})
		}
	}
}

func run(
	t *testing.T, workload *Workload, rt *sched.Runtime, params Params, iterations uint64,
) Sample {
	t.Helper()
	sample, err := workload.Run(rt, params, iterations)
	var void *Void
	if errors.As(err, &void) {
		t.Skip(err) // The result was right, and the machine too busy to say more.
	}
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

// A workload that checks nothing would still succeed.
func TestEveryWorkloadFailsWhenItsResultIsTakenForWrong(t *testing.T) {
	falsified = true
	defer func() { falsified = false }()
	for _, workload := range All() {
		t.Run(workload.Name, func(t *testing.T) {
			// What is left behind by it is no part of the test.
			rt := start(t, 1)
			defer rt.Stop()
			_, err := workload.Run(rt, workload.Defaults(workload.Small), 1)
			if err == nil || !strings.Contains(err.Error(), "wrong result") {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestAPanicFailsTheRun(t *testing.T) {
	rt := start(t, 2)
	defer stop(t, rt)
	never := make(chan int)
	_, err := drive(rt, func() (int, error) {
		go func() {
			defer rt.Catch()
			panic("on behalf of a test")
		}()
		return <-never, nil // What the one who died was to send.
	})
	if err == nil || !strings.Contains(err.Error(), "on behalf of a test") {
		t.Errorf("the run says %v", err)
	}
	close(never)
}

func TestFiguresAreThoseOfTheSizesUpToTheLargest(t *testing.T) {
	rt := start(t, 1)
	defer stop(t, rt)
	figures, err := switchCostFigures(rt, Params{"largest": 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tasks_1_depth_1_ns", "tasks_1_depth_10_ns"} {
		if figures[name] <= 0 {
			t.Errorf("%s is %v", name, figures[name])
		}
	}
	if len(figures) != 2 {
		t.Errorf("the figures are %v", figures)
	}
}

func TestParametersAreRefusedByName(t *testing.T) {
	tests := []struct {
		params Params
		want   string
	}{
		{Params{}, "parameter producers of workload mpsc is missing"},
		{
			Params{"producers": 0, "messages": 1, "capacity": 1},
			"parameter producers of workload mpsc is 0: it must lie in 1 to 1000",
		},
		{
			Params{"producers": 1, "messages": 1 << 63, "capacity": 1},
			"parameter messages of workload mpsc is 9223372036854775808: it must lie in 1 to " +
				"1000000",
		},
		{
			Params{"producers": 1, "messages": 1, "capacity": 1, "colour": 1},
			"workload mpsc has no parameter `colour`; it has producers, messages, capacity",
		},
	}
	for _, test := range tests {
		if err := mpsc.Validate(test.params); err == nil || err.Error() != test.want {
			t.Errorf("%v: %v", test.params, err)
		}
	}
}

func TestWhatDoesNotFitIsNotOffered(t *testing.T) {
	for _, count := range []uint64{1 << 40, 1 << 63} {
		if err := requireRoom(count, idleBytes); !errors.Is(err, ErrNotOffered) {
			t.Errorf("room for %d: %v", count, err)
		}
	}
	if err := requireRoom(1_000, idleBytes); err != nil {
		t.Error(err)
	}
}
