package workloads

import (
	"math"
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// fib: fib(n) spawns fib(n − 1) and fib(n − 2) as goroutines and waits for both. The plain
// recursion's time stands beside it as serial_ns.
var fib = Workload{
	Name:   "fib",
	Params: []Param{{Name: "n", Default: 20, Min: 2, Max: 35}},
	Small:  Params{"n": 11},
	Run:    runFib,
}

func runFib(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	n := params["n"]
	want := fibonacci(n)
	recursed, serialNS := timedSerial(n)
	if err := check("the serial recursion's value", recursed, want); err != nil {
		return Sample{}, err
	}
	// Calls of the recursion: c(n) = c(n − 1) + c(n − 2) + 1 = 2·fib(n + 1) − 1.
	tasks := 2*fibonacci(n+1) - 1
	if err := requireRoom(tasks, idleBytes); err != nil {
		return Sample{}, err
	}
	elapsed, err := drive(rt, func() (time.Duration, error) {
		start := time.Now()
		for range iterations {
			var root fibPair
			root.wg.Add(1)
			go root.compute(rt, 0, n)
			root.wg.Wait()
			if err := check("the Fibonacci number", root.values[0], want); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	sample := work(elapsed, tasks*iterations)
	sample.Figures = map[string]float64{"serial_ns": serialNS}
	return sample, err
}

// fibPair is two goroutines that somebody waits for, and what they return. A channel for each pair
// would cost a fifth more.
type fibPair struct {
	wg     sync.WaitGroup
	values [2]uint64
}

// compute is the goroutine of that index for fib(n).
func (p *fibPair) compute(rt *sched.Runtime, index int, n uint64) {
	defer p.wg.Done()
	defer rt.Catch()
	if n < 2 {
		p.values[index] = n
		return
	}
	var below fibPair
	below.wg.Add(2)
	go below.compute(rt, 0, n-1)
	go below.compute(rt, 1, n-2)
	below.wg.Wait()
	p.values[index] = below.values[0] + below.values[1]
}

// timedSerial returns fib(n) by plain recursion, and the best of five times that it took, in
// nanoseconds.
func timedSerial(n uint64) (value uint64, ns float64) {
	ns = math.Inf(1)
	for range 5 {
		start := time.Now()
		value = serialFib(n)
		ns = min(ns, float64(time.Since(start)))
	}
	return value, ns
}

//go:noinline
func serialFib(n uint64) uint64 {
	if n < 2 {
		return n
	}
	return serialFib(n-1) + serialFib(n-2)
}

// fibonacci returns fib(n) by addition.
func fibonacci(n uint64) uint64 {
	a, b := uint64(0), uint64(1)
	for range n {
		a, b = b, a+b
	}
	return a
}
