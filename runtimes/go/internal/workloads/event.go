package workloads

import "sync/atomic"

// event is what many goroutines wait for, and what its owner fires when all of them wait. It is a
// channel that is closed: in Go that wakes a crowd at once.
//
// A goroutine counts itself and then waits, where the tasks of the Rust workloads do both in one
// poll: between the two it can lose its processor, and then passes without having slept.
type event struct {
	fired chan struct{}
	// all is sent to when as many wait as are expected.
	all      chan struct{}
	expected int64
	waiting  atomic.Int64
}

func newEvent() *event {
	return &event{fired: make(chan struct{}), all: make(chan struct{}, 1)}
}

// expect says how many have to wait for allWait to return. To be called before the last of them is
// spawned, and again only after allWait has returned.
func (e *event) expect(goroutines int) {
	e.expected = int64(goroutines)
}

// allWait returns when as many wait as were expected last.
func (e *event) allWait() {
	<-e.all
}

// wait returns when the event has been fired.
func (e *event) wait() {
	expected := e.expected // Read before the owner can know of this goroutine, and expect more.
	if e.waiting.Add(1) == expected {
		e.all <- struct{}{}
	}
	<-e.fired
}

// fire lets all go on.
func (e *event) fire() {
	close(e.fired)
}
