package contract

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// packetIn says why a flow may not send packets to the controller, or "". Only those of a live
// capture go there, and not before they have met the meter of its rate limit: each one costs the
// switch's main thread and the controller time.
func (x *check) packetIn(f *tap.FlowEntry) string {
	mark, own := x.ownMark(f)
	captures := x.capturesOf(f.Owner)
	switch {
	case !own:
		return "it must match the metadata that a flow of its owner writes in table 0"
	case len(captures) == 0:
		return "no live capture asks for what it sends to the controller"
	}

	for id, owner := range x.groups {
		if owner == f.Owner {
			return fmt.Sprintf("group %d could lead its packets past the rate limit", id)
		}
	}
	if x.beforeLimit(mark, captures)[f.Mod.Table] {
		return "a way of the program leads its packets past the rate limit"
	}
	return ""
}

// capturesOf are the live captures that may get what an owner mirrors, with their rate limits in
// packets a second.
func (x *check) capturesOf(owner string) map[string]uint64 {
	captures := map[string]uint64{}
	for id := range x.allowed[owner] {
		s := x.world.services[id]
		if s != nil && s.Type == tap.ServiceController && s.Enabled && s.RateLimit.Packets > 0 {
			captures[id] = s.RateLimit.Packets
		}
	}
	return captures
}

// concerns reports whether packets with some metadata may meet a flow: they get the metadata there,
// or the flow does not ask for another.
func concerns(f *tap.FlowEntry, mark uint64) bool {
	for _, i := range f.Mod.Instructions {
		if write, is := i.(action.WriteMetadata); is {
			return write.Value == mark
		}
	}
	asked, exact := exactly(f.Mod.Match, oxm.FieldMetadata)
	return !exact || asked == mark
}

// limits reports whether a flow holds packets to the rate limit of one of some captures.
func (x *check) limits(f *tap.FlowEntry, captures map[string]uint64) bool {
	return slices.ContainsFunc(f.Mod.Instructions, func(i action.Instruction) bool {
		m, is := i.(action.Meter)
		return is && slices.ContainsFunc(x.program.Meters, func(entry tap.MeterEntry) bool {
			bands := entry.Mod.Bands
			limit, known := captures[entry.Owner]
			return entry.Mod.ID == m.ID && known &&
				entry.Mod.Flags&openflow.MeterPktps != 0 && len(bands) == 1 &&
				uint64(bands[0].Rate) <= limit
		})
	})
}

// sendsPackets reports whether actions send a packet to the controller.
func sendsPackets(actions []action.Action) bool {
	return slices.ContainsFunc(actions, func(a action.Action) bool {
		_, is := a.(action.Controller)
		return is
	})
}
