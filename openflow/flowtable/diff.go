package flowtable

import (
	"cmp"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
)

// Options say what Diff leaves alone. The zero value compares everything.
type Options struct {
	// Ignore reports installed flows that are not ours: they are neither
	// deleted nor compared. A wanted flow with the key of an ignored one is
	// not added, because that would overwrite it. Nil ignores none.
	Ignore func(openflow.FlowStats) bool
	// CookieMask has the bits of cookies to compare; zero compares all bits.
	CookieMask openflow.Cookie
	// IgnoreCookies leaves flows alone that differ in their cookie only.
	IgnoreCookies bool
}

// statsFlags are the flags that a switch keeps with a flow and reports; the
// others concern the message that adds it.
const statsFlags = openflow.FlowSendRemoved | openflow.FlowNoPacketCnts | openflow.FlowNoByteCnts

// Diff returns the flow-mods that turn the flows of have into those of want, in the order in which
// to apply them. No difference gives nil. If want has a key twice, the last flow counts.
//
// Strict deletes come first, so that traffic stops before other traffic starts. They go from the
// first table to the last, which cuts traffic where it enters. Additions follow, from the last
// table to the first, so that the target of a goto_table is there before the flow. A flow whose
// content differs, even in its cookie alone, is added over the installed one, which resets its
// counters.
func Diff(want []Flow, have []openflow.FlowStats, opts Options) []openflow.FlowMod {
	wanted := make(map[Key]int, len(want))
	for i := range want {
		wanted[want[i].Key()] = i
	}

	var deletes, adds []change
	var wire comparison
	for i := range have {
		h := &have[i]
		key := KeyOf(h.Table, h.Priority, h.Match)
		w, ok := wanted[key]
		switch {
		case opts.Ignore != nil && opts.Ignore(*h):
			delete(wanted, key)
		case !ok:
			deletes = append(deletes, change{key, deleteOf(h)})
		default:
			if !opts.same(&want[w], h, &wire) {
				adds = append(adds, change{key, want[w].Add()})
			}
			delete(wanted, key)
		}
	}

	for key, w := range wanted {
		adds = append(adds, change{key, want[w].Add()})
	}

	slices.SortFunc(deletes, func(a, b change) int { return a.key.Compare(b.key) })
	slices.SortFunc(adds, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.key.table, a.key.table), a.key.Compare(b.key))
	})
	var mods []openflow.FlowMod
	for _, list := range [...][]change{deletes, adds} {
		for _, c := range list {
			mods = append(mods, c.mod)
		}
	}

	return mods
}

type change struct {
	key Key
	mod openflow.FlowMod
}

// Add is the message that adds the flow, or replaces the one of its key.
func (f Flow) Add() openflow.FlowMod {
	return openflow.FlowMod{
		Command: openflow.FlowAdd, Table: f.Table, Priority: f.Priority, Cookie: f.Cookie,
		IdleTimeout: f.IdleTimeout, HardTimeout: f.HardTimeout, Flags: f.Flags,
		Match: f.Match.Normalize(), Instructions: f.Instructions,
	}
}

// Delete is the message that deletes the flow of this key and no other.
func (f Flow) Delete() openflow.FlowMod {
	return openflow.FlowMod{
		Command: openflow.FlowDeleteStrict, Table: f.Table, Priority: f.Priority,
		Match: f.Match.Normalize(),
	}
}

func deleteOf(h *openflow.FlowStats) openflow.FlowMod { return FlowOf(*h).Delete() }

func (o *Options) same(w *Flow, h *openflow.FlowStats, wire *comparison) bool {
	mask := o.CookieMask
	switch {
	case o.IgnoreCookies:
		mask = 0
	case mask == 0:
		mask = ^mask
	}

	return w.Cookie&mask == h.Cookie&mask &&
		w.IdleTimeout == h.IdleTimeout && w.HardTimeout == h.HardTimeout &&
		w.Flags&statsFlags == h.Flags&statsFlags &&
		wire.sameInstructions(w.Instructions, h.Instructions)
}
