package workloads

import (
	"bufio"
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"strconv"
)

// idleBytes is what a goroutine takes at least: its first stack, its descriptor, its closure, and
// its place in the queue that it waits in.
const idleBytes = 3 << 10

// timesBytes is what is kept of each operation whose latency is noted, with what comes of it.
const timesBytes = 128

// alwaysThere is as much memory as is not asked for: the question costs a system call or three.
const alwaysThere = 1 << 30

// requireRoom leaves the cell out when count things of so many bytes do not fit into half of the
// memory that is available. Go ends the process when memory runs out.
func requireRoom(count, bytesEach uint64) error {
	high, need := bits.Mul64(count, bytesEach)
	if high == 0 && need <= alwaysThere {
		return nil
	}
	available, err := kib("/proc/meminfo", "MemAvailable:")
	if err != nil {
		return err
	}
	if high != 0 || need > available<<10/2 {
		return ErrNotOffered
	}
	return nil
}

// kib returns the figure, in KiB, of the line of a file in /proc that starts with name.
func kib(path, name string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		rest, found := bytes.CutPrefix(lines.Bytes(), []byte(name))
		if fields := bytes.Fields(rest); found && len(fields) > 0 {
			return strconv.ParseUint(string(fields[0]), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no line %s", path, name)
}
