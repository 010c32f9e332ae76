package sched

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// ErrExited says that a goroutine left by runtime.Goexit, without a result.
var ErrExited = errors.New("a goroutine exited without a result")

// PanicError says that a goroutine panicked.
type PanicError struct {
	Value any
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("a goroutine panicked: %v", e.Value)
}

// Catch is to be deferred in each goroutine that is started by a plain go statement: a panic that
// nobody recovers would end the process. It goes to Failures instead.
func (rt *Runtime) Catch() {
	if value := recover(); value != nil {
		rt.fail(Panicked(value))
	}
}

// Failures has the first panic of all goroutines that nobody has taken yet. Whoever waits for
// something that a dead goroutine was to do, waits for this as well.
func (rt *Runtime) Failures() <-chan error {
	return rt.failures
}

func (rt *Runtime) fail(err error) {
	select {
	case rt.failures <- err:
	default: // The first one is the cause of the others.
	}
}

// Panicked makes an error of what recover returned, and prints where that came from. To be called
// by the deferred function that recovers.
func Panicked(value any) error {
	fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", value, debug.Stack())
	return &PanicError{value}
}

// Task is a goroutine that can be joined.
type Task[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Spawn runs f in a goroutine. Its panic reaches those who join it, and Failures.
func Spawn[T any](rt *Runtime, f func() T) *Task[T] {
	task := &Task[T]{done: make(chan struct{}), err: ErrExited}
	go func() {
		defer close(task.done)
		defer func() {
			if value := recover(); value != nil {
				task.err = Panicked(value)
			}
			if task.err != nil {
				rt.fail(task.err)
			}
		}()
		task.value = f()
		task.err = nil
	}()
	return task
}

// Done is closed when the goroutine has ended.
func (task *Task[T]) Done() <-chan struct{} {
	return task.done
}

// Join waits for the goroutine's end and returns what f returned, or why it did not.
func (task *Task[T]) Join() (T, error) {
	<-task.done
	return task.value, task.err
}
