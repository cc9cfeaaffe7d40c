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
// first, each only if it matches something new. The set must depend on no bits but those of within.
func (s *octetSet) cover(within uint8) []masked {
	var candidates []masked
	for mask := range uint64(256) {
		if mask&^uint64(within) != 0 {
			continue
		}
		for value := mask; ; value = (value - 1) & mask {
			if s.holdsAll(masked{value, mask}) {
				candidates = append(candidates, masked{value, mask})
			}
			if value == 0 {
				break
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
	free := 0xff &^ m.mask
	for rest := free; ; rest = (rest - 1) & free {
		if !s.has(uint8(m.value | rest)) {
			return false
		}
		if rest == 0 {
			return true
		}
	}
}

// missing adds the values that m matches, and returns how many of them are new.
func (s *octetSet) missing(m masked) (n int) {
	free := 0xff &^ m.mask
	for rest := free; ; rest = (rest - 1) & free {
		if v := uint8(m.value | rest); !s.has(v) {
			s.add(v)
			n++
		}
		if rest == 0 {
			return n
		}
	}
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
