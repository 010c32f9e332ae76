package conformance

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

const (
	// short is long enough to tell a sleep from none, and short enough for many of them.
	short = 5 * time.Millisecond
	// never is longer than any check may last.
	never = time.Hour
)

// trial is one check on a runtime that is started.
type trial struct {
	rt     *sched.Runtime
	config sched.Config

	mu     sync.Mutex
	wrongs []string
}

// abandon is what a check panics with that cannot go on.
type abandon struct{}

func (t *trial) run(check func(*trial)) {
	defer func() {
		switch value := recover(); value {
		case nil, abandon{}:
		default:
			t.wrong("the check panicked: %v", value)
		}
	}()
	check(t)
}

// wrong notes what the runtime does that it must not.
func (t *trial) wrong(format string, arguments ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrongs = append(t.wrongs, fmt.Sprintf(format, arguments...))
}

// want notes what is said unless it is so.
func (t *trial) want(so bool, format string, arguments ...any) {
	if !so {
		t.wrong(format, arguments...)
	}
}

// must ends the check when something failed that it needs. To be called by its own goroutine.
func (t *trial) must(what string, err error) {
	if err != nil {
		t.wrong("%s: %v", what, err)
		panic(abandon{})
	}
}

func (t *trial) reasons() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wrongs
}

// spawn runs f in a goroutine that can be joined.
func spawn[T any](t *trial, f func() T) *sched.Task[T] {
	return sched.Spawn(t.rt, f)
}

// do runs f in a goroutine that can be joined and has no result.
func do(t *trial, f func()) *sched.Task[struct{}] {
	return sched.Spawn(t.rt, func() struct{} { f(); return struct{}{} })
}

// join returns what the goroutine returned. The check ends when it died.
func join[T any](t *trial, task *sched.Task[T]) T {
	value, err := task.Join()
	t.must("joining a goroutine", err)
	return value
}

// onThread runs f in a goroutine that has a thread of its own, which is Go's way of being outside.
func onThread(t *trial, f func()) *sched.Task[struct{}] {
	return do(t, func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	})
}

// within says whether the channel is closed or sent to in time.
func within[T any](limit time.Duration, channel <-chan T) bool {
	select {
	case <-channel:
		return true
	case <-time.After(limit):
		return false
	}
}
