package random

import (
	"hash/fnv"
	"slices"
	"testing"
)

// The numbers in these tests were printed by rand 0.10, the crate that the Rust contestants use.

func TestGeneratorIsRands(t *testing.T) {
	g := New(0)
	want := []uint64{
		5987356902031041503, 7051070477665621255, 6633766593972829180, 211316841551650330,
		9136120204379184874, 379361710973160858, 15813423377499357806, 15596884590815070553,
		5439680534584881407, 1369371744833522710,
	}
	for i, want := range want {
		if got := g.Uint64(); got != want {
			t.Errorf("number %d is %d, must be %d", i, got, want)
		}
	}
}

func TestShuffleIsRands(t *testing.T) {
	tests := map[int]uint64{
		1:      0xa8c7f832281a39c5,
		2:      0x392209f14dea4c24,
		3:      0xf926c22b68fc6926,
		10:     0x73dafbe4e01e8244,
		500:    0xd6d8dfc23af87ed1,
		10_000: 0xc52abbd346beecf5,
	}
	for n, want := range tests {
		values := make([]uint64, n)
		for i := range values {
			values[i] = uint64(i)
		}
		Shuffle(New(1), values)
		if got := digest(values); got != want {
			t.Errorf("%d numbers have the digest %#x, must have %#x", n, got, want)
		}
		slices.Sort(values)
		for i, value := range values {
			if value != uint64(i) {
				t.Fatalf("%d numbers are no permutation", n)
			}
		}
	}
}

func TestBelowStaysBelowAndReachesAll(t *testing.T) {
	g, seen := New(3), map[uint32]bool{}
	for range 1_000 {
		seen[g.Below(10)] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d numbers of 10 were drawn", len(seen))
	}
	for number := range seen {
		if number >= 10 {
			t.Errorf("%d is not below 10", number)
		}
	}
}

func digest(values []uint64) uint64 {
	h := fnv.New64a()
	for _, value := range values {
		for shift := 0; shift < 64; shift += 8 {
			h.Write([]byte{byte(value >> shift)})
		}
	}
	return h.Sum64()
}
