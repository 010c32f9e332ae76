package workloads

import (
	"math/bits"
	"sync"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// idleMemory: many goroutines, each of which was given 48 bytes, a number and a pointer, wait for
// an event; then it comes, and all of them end. What they add to the process's resident memory
// while they wait is measured, in the first iteration only: later ones would use again what it
// freed.
var idleMemory = Workload{
	Name:   "idle_memory",
	Params: []Param{{Name: "tasks", Default: 100_000, Min: 1, Max: 10_000_000}},
	Small:  Params{"tasks": 2_500},
	Run:    runIdleMemory,
}

const (
	// idleBatch goroutines are spawned before the spawning one waits for them to fall asleep.
	idleBatch = 1_000
	// idleWarmUp goroutines come and go before anything is measured.
	idleWarmUp = 64
)

// idleSteps are where the memory is read on the way up.
var idleSteps = map[int]string{
	1_000:   "bytes_per_task_at_1000",
	10_000:  "bytes_per_task_at_10000",
	100_000: "bytes_per_task_at_100000",
}

func runIdleMemory(rt *sched.Runtime, params Params, iterations uint64) (Sample, error) {
	tasks := params.int("tasks")
	if err := requireRoom(uint64(tasks), idleBytes); err != nil {
		return Sample{}, err
	}
	var first held
	elapsed, err := drive(rt, func() (time.Duration, error) {
		if _, err := waitAndEnd(rt, idleWarmUp); err != nil {
			return 0, err
		}
		start := time.Now()
		for iteration := range iterations {
			h, err := waitAndEnd(rt, tasks)
			if err != nil {
				return 0, err
			}
			if iteration == 0 {
				first = h
			}
		}
		return time.Since(start), nil
	})
	if err != nil {
		return Sample{}, err
	}
	sample := work(elapsed, uint64(tasks)*iterations)
	bytes := float64(first.memory.resident) / float64(tasks)
	sample.BytesPerOperation = &bytes
	sample.Figures = first.steps
	sample.Figures["reserved_bytes_per_task"] = float64(first.memory.reserved) / float64(tasks)
	return sample, nil
}

// held is what a crowd holds when all wait, and the figures of the steps up to there.
type held struct {
	memory memory
	steps  map[string]float64
}

// waitAndEnd spawns the goroutines of one iteration, one batch after the other, reads what they
// hold while all of them wait, and lets them end.
func waitAndEnd(rt *sched.Runtime, tasks int) (held, error) {
	e := newEvent()
	// What the workload itself keeps for each goroutine is touched before the first reading.
	digests := make([]uint64, tasks)
	fillNumbers(digests, 1)
	var wg sync.WaitGroup
	wg.Add(tasks)
	before, err := readMemory()
	if err != nil {
		return held{}, err
	}
	steps := map[string]float64{}
	for spawned := 0; spawned < tasks; {
		batch := min(idleBatch, tasks-spawned)
		e.expect(spawned + batch)
		for range batch {
			slot, contents := spawned, contentsOf(spawned)
			go func() {
				defer wg.Done()
				defer rt.Catch()
				e.wait()
				digests[slot] = digest(&contents)
			}()
			spawned++
		}
		e.allWait()
		if name, ok := idleSteps[spawned]; ok {
			reading, err := readMemory()
			if err != nil {
				return held{}, err
			}
			steps[name] = float64(reading.since(before).resident) / float64(spawned)
		}
	}
	reading, err := readMemory()
	if err != nil {
		return held{}, err
	}
	e.fire()
	wg.Wait()
	want := uint64(0)
	for slot := range tasks {
		contents := contentsOf(slot)
		want += digest(&contents)
	}
	if err := check("the digest of what they held", take(digests), want); err != nil {
		return held{}, err
	}
	return held{reading.since(before), steps}, nil
}

func fillNumbers(numbers []uint64, value uint64) {
	for i := range numbers {
		numbers[i] = value
	}
}

// contentsOf is what a goroutine holds: different words in each.
func contentsOf(slot int) (contents [6]uint64) {
	for word := range contents {
		contents[word] = bits.RotateLeft64(uint64(slot+1)*0x9E37_79B9_7F4A_7C15, word*11)
	}
	return contents
}

func digest(contents *[6]uint64) (digest uint64) {
	for _, word := range contents {
		digest = bits.RotateLeft64(digest, 5) ^ word
	}
	return digest
}
