package workloads

import (
	"reflect"
	"testing"
)

// What Rust's hdrhistogram 7.6 made of the same values.
func TestValuesAreRoundedAsByHdrHistogram(t *testing.T) {
	got := histogram([]uint64{
		123_456_789_012, 0, 1, 5, 2046, 2047, 2048, 2049, 4095, 4096, 4097, 1_000_001,
	})
	want := Histogram{
		{0, 1}, {1, 1}, {5, 1}, {2046, 1}, {2047, 1}, {2049, 2}, {4095, 1}, {4099, 2},
		{1_000_447, 1}, {123_480_309_759, 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, must be %v", got, want)
	}
	if got.count() != 12 {
		t.Errorf("%d values, must be 12", got.count())
	}
}

func TestQuantilesCountFromTheLeastValue(t *testing.T) {
	h := Histogram{{10, 998}, {20, 1}, {30, 1}}
	for part, want := range map[float64]uint64{0: 10, 0.5: 10, 0.998: 10, 0.999: 20, 1: 30} {
		if got := h.quantile(part); got != want {
			t.Errorf("quantile %v is %d, must be %d", part, got, want)
		}
	}
	if got := (Histogram{}).quantile(0.5); got != 0 {
		t.Errorf("of nothing it is %d", got)
	}
}
