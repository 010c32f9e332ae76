// Package random draws what Rust's rand draws: the same seeds give the same requests, timers and
// places, so that every contestant meets the same trace.
package random

import (
	"math"
	"math/bits"
)

// Generator is xoshiro256++.
type Generator struct {
	state [4]uint64
}

// New expands seed by SplitMix64, as rand's seed_from_u64 does for this generator.
func New(seed uint64) *Generator {
	var g Generator
	for i := range g.state {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		g.state[i] = z ^ z>>31
	}
	return &g
}

// Uint64 returns the next 64 bits.
func (g *Generator) Uint64() uint64 {
	s := &g.state
	result := bits.RotateLeft64(s[0]+s[3], 23) + s[0]
	t := s[1] << 17
	s[2] ^= s[0]
	s[3] ^= s[1]
	s[1] ^= s[2]
	s[0] ^= s[3]
	s[2] ^= t
	s[3] = bits.RotateLeft64(s[3], 45)
	return result
}

// Uint32 returns the upper half of the next 64 bits.
func (g *Generator) Uint32() uint32 {
	return uint32(g.Uint64() >> 32)
}

// Float64 returns a number in [0, 1) with 53 random bits.
func (g *Generator) Float64() float64 {
	return float64(g.Uint64()>>11) / (1 << 53)
}

// Below returns a number below n, by Lemire's method.
func (g *Generator) Below(n uint32) uint32 {
	threshold := -n % n
	for {
		high, low := multiply(g.Uint32(), n)
		if low >= threshold {
			return high
		}
	}
}

// Exponential returns a number from the exponential distribution of mean 1, by the ziggurat.
//
// The conversions around products keep the compiler from fusing them with the sum that follows:
// on some processors that would round differently.
func (g *Generator) Exponential() float64 {
	const one = 1023 << 52
	for {
		word := g.Uint64()
		i := word & 0xff
		u := math.Float64frombits(word>>12|one) - (1 - 0x1p-53)
		x := u * zigguratX[i]
		if x < zigguratX[i+1] {
			return x
		}
		if i == 0 {
			return zigguratR - math.Log(g.Float64())
		}
		height := float64((zigguratF[i] - zigguratF[i+1]) * g.Float64())
		if zigguratF[i+1]+height < math.Exp(-x) {
			return x
		}
	}
}

// Shuffle permutes values. Several indices come out of one random number while their product fits
// into 32 bits.
func Shuffle[T any](g *Generator, values []T) {
	if len(values) <= 1 {
		return
	}
	// The first index has one choice and takes no randomness.
	chunk, left := uint32(0), 1
	for i := range values {
		choices := uint32(i) + 1
		if left == 0 {
			chunk, left = g.chunk(choices)
		}
		left--
		index := chunk
		if left > 0 {
			index, chunk = chunk%choices, chunk/choices
		}
		values[i], values[index] = values[index], values[i]
	}
}

// chunk returns a number below choices × (choices + 1) × …, as many factors as fit into 32 bits,
// and how many those are. It is rand's random_range: of two numbers only, and so very slightly
// biased.
func (g *Generator) chunk(choices uint32) (chunk uint32, factors int) {
	bound := choices
	for factors = 1; ; factors++ {
		high, low := multiply(bound, choices+uint32(factors))
		if high != 0 {
			break
		}
		bound = low
	}
	chunk, low := multiply(g.Uint32(), bound)
	if low > -bound {
		high, _ := multiply(g.Uint32(), bound)
		if low+high < low {
			chunk++
		}
	}
	return chunk, factors
}

func multiply(a, b uint32) (high, low uint32) {
	product := uint64(a) * uint64(b)
	return uint32(product >> 32), uint32(product)
}
