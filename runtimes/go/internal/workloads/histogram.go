package workloads

import (
	"math"
	"math/bits"
	"slices"
)

// Histogram has values in nanoseconds, rounded to three significant digits, in rising order, and
// how often each was recorded.
type Histogram [][2]uint64

// significantBits holds three decimal digits: a value is off by less than 0.1 %.
const significantBits = 11

// histogram rounds and counts values. It takes their place in memory.
func histogram(values []uint64) Histogram {
	for i, value := range values {
		values[i] = rounded(value)
	}
	slices.Sort(values)
	h := Histogram{}
	for _, value := range values {
		if last := len(h) - 1; last >= 0 && h[last][0] == value {
			h[last][1]++
		} else {
			h = append(h, [2]uint64{value, 1})
		}
	}
	return h
}

// rounded returns the greatest value that an HdrHistogram of three digits holds to be the same.
func rounded(value uint64) uint64 {
	shift := max(bits.Len64(value)-significantBits, 0)
	return value | (1<<shift - 1)
}

// count returns how many values were recorded.
func (h Histogram) count() (count uint64) {
	for _, entry := range h {
		count += entry[1]
	}
	return count
}

// quantile returns the least value that so large a part of all does not exceed; 0 when there is
// none.
func (h Histogram) quantile(part float64) uint64 {
	rank := max(uint64(math.Ceil(part*float64(h.count()))), 1)
	for _, entry := range h {
		if entry[1] >= rank {
			return entry[0]
		}
		rank -= entry[1]
	}
	return 0
}
