package mirror

import (
	"maps"
	"net/netip"
	"slices"
)

type set map[string]struct{}

func (s set) add(id string) { s[id] = struct{}{} }

func sortedKeys[V any](m map[string]V) []string {
	keys := slices.AppendSeq(make([]string, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	return keys
}

// smallIndex maps a key to the ids that refer to it, as a sorted list. Most keys have one id, for
// which a set would take ten times as much memory. Where a key may have thousands, keeping the list
// sorted would take too long: see largeIndex.
type smallIndex map[string][]string

func (x smallIndex) add(key, id string) {
	if at, found := slices.BinarySearch(x[key], id); !found {
		x[key] = slices.Insert(x[key], at, id)
	}
}

func (x smallIndex) remove(key, id string) {
	ids := x[key]
	at, found := slices.BinarySearch(ids, id)
	switch {
	case !found:
	case len(ids) == 1:
		delete(x, key)
	default:
		x[key] = slices.Delete(ids, at, at+1)
	}
}

// addrIndex maps an address to the set of hosts that refer to it.
type addrIndex map[netip.Addr]set

func (x addrIndex) add(addr netip.Addr, id string) {
	if x[addr] == nil {
		x[addr] = set{}
	}
	x[addr].add(id)
}

func (x addrIndex) remove(addr netip.Addr, id string) {
	delete(x[addr], id)
	if len(x[addr]) == 0 {
		delete(x, addr)
	}
}

// largeIndex maps a key to the set of ids that refer to it.
type largeIndex map[string]set

func (x largeIndex) add(key, id string) {
	if x[key] == nil {
		x[key] = set{}
	}
	x[key].add(id)
}

func (x largeIndex) remove(key, id string) {
	delete(x[key], id)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}
