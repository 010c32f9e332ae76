package session

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"stampede/runtimes/go/internal/protocol"
	"stampede/runtimes/go/internal/sched"
	"stampede/runtimes/go/internal/workloads"
)

// entry is a runtime of this contestant: Go's scheduler with certain settings.
type entry struct {
	protocol.Runtime
	configure func(workers int) sched.Config
}

// limitWithoutGC is the memory at which the collector runs although it is off, so that the machine
// survives.
const limitWithoutGC = 4 << 30

// own is what they share with no contestant in Rust: the workloads have the same shape and another
// source.
var own = []string{"language", "workloads", "reactor", "channels"}

// origin is the package that brings the runtimes.
var origin = "Go"

// entries are the runtimes, the main one first.
var entries = []entry{
	{
		Runtime: protocol.Runtime{
			Name: "go",
			Summary: "Go's own scheduler: goroutines on growing stacks, a " +
				"queue of 256 and a slot for each worker, a global queue and theft, netpoller " +
				"and timers, preemption by SIGURG after 10 ms.",
			Isolates: "Nothing alone, for everything differs: language, compiler, collector, " +
				"allocator, channels, timers and reactor; it shows what a user of Go gets for " +
				"the same shape of work.",
			Relatives:     []string{"stackful", "work-stealing"},
			Package:       &origin,
			Stacks:        true,
			Own:           own,
			Configuration: map[string]string{},
		},
		configure: sched.Default,
	},
	{
		Runtime: protocol.Runtime{
			Name: "go-gcoff",
			Summary: "go with its garbage collector off: nothing is freed until the process has " +
				"taken 4 GiB, and then the collector runs all the same.",
			Isolates: "Garbage collection: its distance to go is what collecting costs, less " +
				"what memory costs that is fresh from the system instead of used before.",
			Relatives:     []string{"go"},
			Package:       &origin,
			Stacks:        true,
			Own:           own,
			Configuration: map[string]string{"gogc": "off"},
		},
		configure: func(workers int) sched.Config {
			return sched.Config{Workers: workers, GCPercent: -1, MemoryLimit: limitWithoutGC}
		},
	},
}

// find returns the runtime of that name, or an error that names those there are.
func find(name string) (entry, error) {
	names := make([]string, len(entries))
	for i, entry := range entries {
		if entry.Name == name {
			return entry, nil
		}
		names[i] = entry.Name
	}
	return entry{}, fmt.Errorf("there is no runtime called `%s` here; there is %s",
		name, strings.Join(names, ", "))
}

// describe says who this contestant is.
func describe() protocol.Description {
	d := protocol.Description{
		Type:     "description",
		Protocol: protocol.Version,
		Build:    build(),
	}
	for _, entry := range entries {
		d.Runtimes = append(d.Runtimes, entry.Runtime)
	}
	for _, workload := range workloads.All() {
		d.Workloads = append(d.Workloads, workload.Name)
	}
	return d
}

// build says how this program was built, as the toolchain noted it down.
func build() protocol.Build {
	b := protocol.Build{
		Compiler: fmt.Sprintf("%s (%s, %s/%s)",
			runtime.Version(), runtime.Compiler, runtime.GOOS, runtime.GOARCH),
		Optimised: true,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, setting := range info.Settings {
		unoptimised := setting.Key == "-gcflags" && strings.Contains(setting.Value, "-N")
		instrumented := setting.Key == "-race" && setting.Value == "true"
		if unoptimised || instrumented {
			b.Optimised = false
		}
	}
	return b
}
