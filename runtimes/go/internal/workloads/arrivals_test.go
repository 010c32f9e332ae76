package workloads

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// Digests of 100,000 requests as workloads::arrivals::poisson draws them in Rust: arrivals to the
// nanosecond, service times to the picosecond. The logarithm that one in 2,000 of these needs may
// be off by its last bit.
func TestTheTraceIsThatOfTheRustContestants(t *testing.T) {
	tests := []struct {
		seed         uint64
		of           shape
		at, services uint64
	}{
		{0, fixed, 0x978d3ce25d5c0a25, 0xd2e3f510c277fba5},
		{0, exponential, 0x978d3ce25d5c0a25, 0xa369ede971725099},
		{0, bimodal, 0x978d3ce25d5c0a25, 0x8157be99c99f4a09},
		{1, fixed, 0x3a1f789c5d7d336c, 0xd2e3f510c277fba5},
		{1, exponential, 0x3a1f789c5d7d336c, 0x01ac9a10429ed706},
		{1, bimodal, 0x3a1f789c5d7d336c, 0xb94db4a2b8f5fff9},
		{7, exponential, 0xb0a8612c9cc77bb7, 0xd6a63a7177884fe0},
		{7, bimodal, 0xb0a8612c9cc77bb7, 0xaf2289345d17eb91},
		{math.MaxUint64, exponential, 0x9a4f51846fce9969, 0x9ad060fbcbb9076f},
		{math.MaxUint64, bimodal, 0x9a4f51846fce9969, 0xe5e5f8ad0127584d},
	}
	for _, test := range tests {
		requests := poisson(test.seed, 100_000, 142_857.142857, 100_000, test.of)
		at, services := fnv.New64a(), fnv.New64a()
		for _, request := range requests {
			at.Write(binary.LittleEndian.AppendUint64(nil, uint64(request.at)))
			ps := uint64(request.serviceNS * 1e3)
			services.Write(binary.LittleEndian.AppendUint64(nil, ps))
		}
		if at.Sum64() != test.at {
			t.Errorf("seed %d, shape %d: other arrivals", test.seed, test.of)
		}
		if services.Sum64() != test.services {
			t.Errorf("seed %d, shape %d: other service times", test.seed, test.of)
		}
	}
}
