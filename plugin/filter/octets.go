package filter

import (
	"cmp"
	"math/bits"
	"slices"
)

// octetSet is a set of values of one octet.
type octetSet [4]uint64

func (s *octetSet) add(v uint8) { s[v/64] |= 1 << (v % 64) }

func (s *octetSet) has(v uint8) bool { return s[v/64]>>(v%64)&1 != 0 }

func (s *octetSet) len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// complement returns the values that are not in the set.
func (s *octetSet) complement() octetSet { return octetSet{^s[0], ^s[1], ^s[2], ^s[3]} }

// masked is a value of which some bits count.
type masked struct{ value, mask uint64 }

// cover returns masked values that together match the set and nothing else: the largest ones
// first, each only if it matches something new.
func (s *octetSet) cover() []masked {
	var candidates []masked
	for mask := range uint64(256) {
		for value := range uint64(256) {
			if value&^mask == 0 && s.holdsAll(masked{value, mask}) {
				candidates = append(candidates, masked{value, mask})
			}
		}
	}

	slices.SortStableFunc(candidates, func(a, b masked) int {
		return cmp.Compare(bits.OnesCount64(a.mask), bits.OnesCount64(b.mask))
	})

	var chosen []masked
	var done octetSet
	for _, c := range candidates {
		if news := done.missing(c); news > 0 {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// holdsAll reports whether the set has all the values that m matches.
func (s *octetSet) holdsAll(m masked) bool {
	for v := range uint64(256) {
		if v&m.mask == m.value && !s.has(uint8(v)) {
			return false
		}
	}
	return true
}

// missing adds the values that m matches, and returns how many of them are new.
func (s *octetSet) missing(m masked) (n int) {
	for v := range uint64(256) {
		if v&m.mask == m.value && !s.has(uint8(v)) {
			s.add(uint8(v))
			n++
		}
	}
	return n
}

// exact returns each value of the set.
func (s *octetSet) exact() (all []masked) {
	for v := range uint64(256) {
		if s.has(uint8(v)) {
			all = append(all, masked{v, 0xff})
		}
	}
	return all
}

// coverRange returns the prefixes of 16 bits that together are a range of ports, both ends
// included: at most 30 of them.
func coverRange(low, hi int) (all []masked) {
	for low <= hi {
		size := 1 << 16
		if low != 0 {
			size = low & -low
		}
		for low+size-1 > hi {
			size >>= 1
		}
		all = append(all, masked{uint64(low), uint64(0xffff &^ (size - 1))})
		low += size
	}
	return all
}
