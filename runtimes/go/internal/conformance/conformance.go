// Package conformance checks that Go's scheduler behaves as every runtime of Stampede must, as far
// as Go has what is asked for. Where a behaviour means the same as one in runtimes/conformance, it
// has the same name.
package conformance

import (
	"fmt"
	"strings"
	"time"

	"stampede/runtimes/go/internal/sched"
)

// limit is what a check may take before it counts as hung.
const limit = 10 * time.Second

// workerCounts are those that each behaviour is checked with.
var workerCounts = []int{1, 2, 4}

// Behaviour is something that a runtime does.
type Behaviour struct {
	// Name is THEME::BEHAVIOUR.
	Name  string
	check func(*trial)
}

// all are the behaviours, in the order in which they should be checked.
var all = slicesOf(
	layoutBehaviours, spawnBehaviours, joinBehaviours, panicBehaviours, channelBehaviours,
	cancellationBehaviours, migrationBehaviours, shutdownBehaviours, fairnessBehaviours,
	preemptionBehaviours, timerBehaviours, socketBehaviours, directBehaviours, counterBehaviours,
)

func slicesOf(themes ...[]Behaviour) (all []Behaviour) {
	for _, theme := range themes {
		all = append(all, theme...)
	}
	return all
}

// Names returns the names of all behaviours, in the order in which they should be checked.
func Names() []string {
	names := make([]string, len(all))
	for i, behaviour := range all {
		names[i] = behaviour.Name
	}
	return names
}

// Select returns the behaviours of those names, all when there are none.
func Select(names []string) ([]Behaviour, error) {
	if len(names) == 0 {
		return all, nil
	}
	selected := make([]Behaviour, 0, len(names))
	for _, name := range names {
		behaviour, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("the conformance suite has no behaviour called `%s`", name)
		}
		selected = append(selected, behaviour)
	}
	return selected, nil
}

func find(name string) (Behaviour, bool) {
	for _, behaviour := range all {
		if behaviour.Name == name {
			return behaviour, true
		}
	}
	return Behaviour{}, false
}

// Broken says how a runtime does not behave as it must.
type Broken struct {
	Reason string
	// Hung says that it did not come to an end: nothing else can be checked in this process.
	Hung bool
}

// Check checks the behaviour with each count of workers, on runtimes configured by configure. It
// returns nil when all is well.
func (b Behaviour) Check(configure func(workers int) sched.Config) *Broken {
	for _, workers := range workerCounts {
		if broken := b.checkWith(configure(workers)); broken != nil {
			broken.Reason = fmt.Sprintf("with %d workers: %s", workers, broken.Reason)
			return broken
		}
	}
	return nil
}

func (b Behaviour) checkWith(config sched.Config) *Broken {
	rt, err := sched.Start(config)
	if err != nil {
		return &Broken{Reason: err.Error()}
	}
	t := &trial{rt: rt, config: config}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.run(b.check)
	}()
	select {
	case <-done:
	case <-time.After(limit):
		return &Broken{Reason: fmt.Sprintf("hung, no end after %v", limit), Hung: true}
	}
	if _, law := rt.Stop(); law != "" {
		t.wrong("broken law: %s", law)
	}
	if reasons := t.reasons(); len(reasons) > 0 {
		return &Broken{Reason: strings.Join(reasons, "; ")}
	}
	return nil
}
