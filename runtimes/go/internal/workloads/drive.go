package workloads

import (
	"time"

	"stampede/runtimes/go/internal/sched"
)

// outcome is what a function with two results returns.
type outcome[T any] struct {
	value T
	err   error
}

// spawn runs f, which may fail, in a goroutine of its own.
func spawn[T any](rt *sched.Runtime, f func() (T, error)) *sched.Task[outcome[T]] {
	return sched.Spawn(rt, func() outcome[T] {
		value, err := f()
		return outcome[T]{value, err}
	})
}

// join waits for what spawn has started.
func join[T any](task *sched.Task[outcome[T]]) (T, error) {
	result, err := task.Join()
	if err != nil {
		return result.value, err
	}
	return result.value, result.err
}

// drive runs body in a goroutine and waits for its result.
//
// It waits for panics as well: a goroutine that died is one that the body may be waiting for, and
// in Go a channel does not close when nobody is left to send. The body is then left behind.
func drive[T any](rt *sched.Runtime, body func() (T, error)) (T, error) {
	task := spawn(rt, body)
	select {
	case <-task.Done():
	case err := <-rt.Failures():
		var none T
		return none, err
	}
	select {
	case err := <-rt.Failures(): // The cause of what the body found wrong.
		var none T
		return none, err
	default:
		return join(task)
	}
}

// work is a sample of operations done in elapsed, with nothing beside the time.
func work(elapsed time.Duration, operations uint64) Sample {
	return Sample{Elapsed: elapsed, Operations: operations}
}

// sumBelow is 0 + 1 + … + (n − 1): what n goroutines return together when each returns its number.
// The definitions keep n below 2³².
func sumBelow(n uint64) uint64 {
	return n * (n - min(n, 1)) / 2
}
