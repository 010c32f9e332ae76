package sched

import (
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func start(t *testing.T, workers int) *Runtime {
	t.Helper()
	rt, err := Start(Default(workers))
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func TestSettingsAreMadeAndRestored(t *testing.T) {
	before := set(Config{Workers: 3, GCPercent: 77, MemoryLimit: 1 << 40})
	defer set(before)
	rt, err := Start(Config{Workers: 2, GCPercent: -1, MemoryLimit: 4 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if n := runtime.GOMAXPROCS(0); n != 2 || rt.Workers() != 2 {
		t.Errorf("GOMAXPROCS is %d", n)
	}
	if limit := debug.SetMemoryLimit(-1); limit != 4<<30 {
		t.Errorf("the memory limit is %d", limit)
	}
	if _, law := rt.Stop(); law != "" {
		t.Error(law)
	}
	after := set(before)
	if after != (Config{Workers: 3, GCPercent: 77, MemoryLimit: 1 << 40}) {
		t.Errorf("what was set before is not set again: %+v", after)
	}
}

func TestWorkersOutOfRangeAreRefused(t *testing.T) {
	for _, workers := range []int{-1, 0, MaxWorkers + 1} {
		if _, err := Start(Default(workers)); err == nil {
			t.Errorf("%d workers were started", workers)
		}
	}
}

func TestALeakedGoroutineBreaksTheLaw(t *testing.T) {
	rt := start(t, 1)
	release := make(chan struct{})
	task := Spawn(rt, func() int { <-release; return 1 })
	if _, law := rt.Stop(); !strings.Contains(law, "but for 1") {
		t.Errorf("the law is %q", law)
	}
	close(release)
	if _, err := task.Join(); err != nil {
		t.Error(err)
	}
}

func TestPanicsAndExitsReachWhoJoins(t *testing.T) {
	rt := start(t, 1)
	var panicked *PanicError
	_, err := Spawn(rt, func() int { panic("for a test") }).Join()
	if !errors.As(err, &panicked) || panicked.Value != "for a test" {
		t.Errorf("the panic came as %v", err)
	}
	if err := <-rt.Failures(); !errors.As(err, &panicked) {
		t.Errorf("the failure is %v", err)
	}
	if _, err := Spawn(rt, func() int { runtime.Goexit(); return 1 }).Join(); err != ErrExited {
		t.Errorf("the exit came as %v", err)
	}
	if err := <-rt.Failures(); err != ErrExited {
		t.Errorf("the failure is %v", err)
	}
	go func() {
		defer rt.Catch()
		panic("caught")
	}()
	if err := <-rt.Failures(); !strings.Contains(err.Error(), "caught") {
		t.Errorf("the failure is %v", err)
	}
	if _, law := rt.Stop(); law != "" {
		t.Error(law)
	}
}
