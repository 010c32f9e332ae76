package workloads

// memory is what the kernel says about this process's memory, or the growth between two readings.
type memory struct {
	// resident is pages of heap, stacks and other private memory that are in use, in bytes. From
	// smaps_rollup, which walks the page tables: the counters in statm lag behind.
	resident uint64
	// reserved is private memory that may be written, in use or not.
	reserved uint64
}

func readMemory() (memory, error) {
	resident, err := kib("/proc/self/smaps_rollup", "Anonymous:")
	if err != nil {
		return memory{}, err
	}
	reserved, err := kib("/proc/self/status", "VmData:")
	return memory{resident << 10, reserved << 10}, err
}

// since is the growth since earlier; a process that has shrunk has grown by 0.
func (m memory) since(earlier memory) memory {
	return memory{
		resident: m.resident - min(m.resident, earlier.resident),
		reserved: m.reserved - min(m.reserved, earlier.reserved),
	}
}
