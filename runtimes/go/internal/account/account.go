// Package account reads what the operating system charges to the process.
package account

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Account is a reading.
type Account struct {
	at         time.Time
	usage      syscall.Rusage
	runDelayNS uint64
}

// Read reads the account of all threads, those that have ended included; how long threads waited
// for a processor is known only of those that live.
func Read() (Account, error) {
	var a Account
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &a.usage); err != nil {
		return a, err
	}
	a.runDelayNS = runDelay()
	a.at = time.Now()
	return a, nil
}

// Since returns what was charged since earlier, under the names of the protocol.
func (a Account) Since(earlier Account) map[string]uint64 {
	now, before := &a.usage, &earlier.usage
	return map[string]uint64{
		"cpu_ns":               growth(cpuNS(now), cpuNS(before)),
		"voluntary_switches":   growth(uint64(now.Nvcsw), uint64(before.Nvcsw)),
		"involuntary_switches": growth(uint64(now.Nivcsw), uint64(before.Nivcsw)),
		"run_delay_ns":         growth(a.runDelayNS, earlier.runDelayNS),
		"wall_ns":              uint64(a.at.Sub(earlier.at)),
	}
}

func cpuNS(usage *syscall.Rusage) uint64 {
	return uint64(usage.Utime.Nano() + usage.Stime.Nano())
}

// growth is never below zero: a thread that has ended takes its run delay with it.
func growth(now, before uint64) uint64 {
	return now - min(now, before)
}

// runDelay sums the second number of each thread's schedstat; 0 where the kernel keeps none.
func runDelay() (ns uint64) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // The thread has ended.
		}
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			continue
		}
		if delay, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
			ns += delay
		}
	}
	return ns
}
