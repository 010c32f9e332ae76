package workloads

import "time"

// began is some time before any measurement.
var began = time.Now()

// now returns the nanoseconds since began on the monotonic clock. It is never 0, which stands for
// what never was.
func now() int64 {
	return int64(time.Since(began))
}
