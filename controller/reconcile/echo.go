package reconcile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// A capture feeds on itself if it mirrors what carries its own copies to their destination: each
// copy is copied again, without end. The guard flows of a program exclude that where a match can
// see the tunnel. They cannot where the underlay itself runs inside another tunnel, behind more
// VLAN tags than the switch reads, or through a guest that routes.
//
// Such a copy contains its own outer header: the tunnel addresses of this host and of the
// destination, and the key of the capture. No other traffic has these three side by side, since the
// key is secret. So a few copies tell for certain, however busy an honest guest is.

// Echo tells the copies of one capture when they come back into it.
type Echo struct {
	Owner    string
	flows    []flowtable.Flow // that send copies into a tunnel
	samplers []flowtable.Flow // see [Echo.Sampled]
	outer    []outerHeader
}

// outerHeader is the header of a copy in the tunnel, from the source address of IP on.
type outerHeader struct {
	addresses []byte // source and destination, which are neighbours in IPv4 and in IPv6
	vxlanPort uint16 // UDP port of VXLAN; 0 for GRE
	key       uint32
}

const (
	// echoLength is how many octets of a copy are looked at. It has room for the own header behind
	// two others with IPv6.
	echoLength = 384
	// SampleTime is after how many seconds a switch drops the flow by which it sends copies to the
	// controller, whatever has become of the controller.
	SampleTime = 1

	sampleMagic = probeMagic | 1<<32 // cookies of these flows; below are those of captures
	maxSamplers = 8                  // of a capture
)

// Echoes returns how to tell the copies of each capture that sends into a tunnel, sorted by owner.
func (d *Desired) Echoes() []Echo {
	var all []Echo
	for i := range d.Flows {
		flow := &d.Flows[i]
		headers := d.outerHeaders(flow)
		if len(headers) == 0 {
			continue
		}

		owner := d.flowOwner[flow.Key()]
		at := slices.IndexFunc(all, func(e Echo) bool { return e.Owner == owner })
		if at < 0 {
			all, at = append(all, Echo{Owner: owner}), len(all)
		}
		all[at].flows = append(all[at].flows, *flow)
		all[at].outer = append(all[at].outer, headers...)
	}

	for i := range all {
		all[i].samplers = d.samplers(all[i].flows)
	}
	all = slices.DeleteFunc(all, func(e Echo) bool { return len(e.samplers) == 0 })
	slices.SortFunc(all, func(a, b Echo) int { return cmp.Compare(a.Owner, b.Owner) })
	return all
}

// outerHeaders are the headers that a flow may give to what it sends.
func (d *Desired) outerHeaders(flow *flowtable.Flow) (all []outerHeader) {
	to, key := tunnelFields(flow.Instructions)
	if !to.IsValid() {
		return nil
	}

	for _, name := range d.Program.Tunnel.Ports {
		port := d.ports[name]
		from, err := netip.ParseAddr(port.Options["local_ip"])
		if err != nil || from.Is4() != to.Is4() {
			continue
		}

		header := outerHeader{addresses: append(from.AsSlice(), to.AsSlice()...), key: key}
		if port.Type == vxlanType {
			header.vxlanPort = vxlanPort(port.Options)
		}
		all = append(all, header)
	}
	return all
}

// vxlanPort is the UDP port of a VXLAN port (RFC 7348, 8, if it names none).
func vxlanPort(options map[string]string) uint16 {
	if n, err := strconv.ParseUint(options["dst_port"], 10, 16); err == nil && n > 0 {
		return uint16(n)
	}
	return 4789
}

// tunnelFields are the destination and the key that instructions set; no address if they set none.
func tunnelFields(list []action.Instruction) (to netip.Addr, key uint32) {
	for _, i := range list {
		if apply, is := i.(action.ApplyActions); is {
			eachAction(apply, func(a action.Action) {
				set, is := a.(action.SetField)
				if !is {
					return
				}
				switch set.Field.ID() {
				case oxm.FieldTunIPv4Dst, oxm.FieldTunIPv6Dst:
					to, _ = set.Field.Addr()
				case oxm.FieldTunnelID:
					key = uint32(set.Field.Value().Lo)
				}
			})
		}
	}
	return to, key
}

// eachAction calls a function for each action, also for those inside clones.
func eachAction(actions []action.Action, visit func(action.Action)) {
	for _, a := range actions {
		visit(a)
		if clone, is := a.(action.Clone); is {
			eachAction(clone.Actions, visit)
		}
	}
}

// Keys are the keys of the flows that send the copies.
func (e *Echo) Keys() []flowtable.Key {
	keys := make([]flowtable.Key, len(e.flows))
	for i := range e.flows {
		keys[i] = e.flows[i].Key()
	}
	return keys
}

// samplers are flows that send the beginning of each copy to the controller before they do what
// other flows do, which lead to the flows that send. They take precedence for a second, and count
// nothing that is counted otherwise: counters of table 0 and of what sends go on.
func (d *Desired) samplers(sending []flowtable.Flow) (all []flowtable.Flow) {
	owner := d.flowOwner[sending[0].Key()]
	for i := range d.Flows {
		via := &d.Flows[i]
		if via.Table == 0 || d.flowOwner[via.Key()] != owner || outputs(via.Instructions) ||
			!d.leadsTo(via.Instructions, sending) || len(all) == maxSamplers {
			continue
		}

		sampler := *via
		sampler.Priority++
		sampler.Cookie = sampleMagic | via.Cookie&(1<<32-1)
		sampler.HardTimeout = SampleTime
		sampler.Instructions = sampling(via.Instructions)
		if d.flowOwner[sampler.Key()] == "" && sampler.Priority > via.Priority {
			all = append(all, sampler)
		}
	}
	return all
}

// sampling are instructions that send the beginning of a packet to the controller before they do
// what others do. There may be one list of actions only.
func sampling(list []action.Instruction) []action.Instruction {
	actions := action.ApplyActions{
		action.Output{Port: openflow.PortController, MaxLen: echoLength},
	}
	rest := make([]action.Instruction, 0, len(list)+1)
	for _, i := range list {
		if apply, is := i.(action.ApplyActions); is {
			actions = append(actions, apply...)
		} else {
			rest = append(rest, i)
		}
	}
	return append([]action.Instruction{actions}, rest...)
}

// leadsTo reports whether instructions go to the table of some flows, by themselves or by a group.
func (d *Desired) leadsTo(list []action.Instruction, flows []flowtable.Flow) bool {
	tables := map[openflow.TableID]bool{}
	for _, i := range list {
		if to, is := i.(action.GotoTable); is {
			tables[to.Table] = true
		}
	}
	groups, _ := flowtable.Uses(list)
	for _, id := range groups {
		for i := range d.groups {
			if d.groups[i].ID == id {
				tables[lowestTable(d.groups[i].Buckets)] = true
			}
		}
	}

	return slices.ContainsFunc(flows, func(f flowtable.Flow) bool { return tables[f.Table] })
}

// isSampler reports whether a flow that stands is one that sends copies to the controller. It is
// about to expire.
func isSampler(f *openflow.FlowStats) bool {
	return f.Cookie>>32 == sampleMagic>>32 && f.HardTimeout == SampleTime
}

// Cookie is that of the flows that send the copies.
func (e *Echo) Cookie() openflow.Cookie { return e.flows[0].Cookie }

// Sent reports whether a packet is a copy that came by [Echo.Sampled].
func (e *Echo) Sent(p *openflow.PacketIn) bool {
	return len(e.samplers) > 0 && p.Cookie == e.samplers[0].Cookie
}

// Sampled has the controller get the beginning of each copy too, for [SampleTime]. What is
// delivered stays the same.
func (e *Echo) Sampled() []openflow.FlowMod {
	mods := make([]openflow.FlowMod, len(e.samplers))
	for i := range e.samplers {
		mods[i] = e.samplers[i].Add()
	}
	return mods
}

// Unsampled takes back what [Echo.Sampled] has added.
func (e *Echo) Unsampled() []openflow.FlowMod {
	mods := make([]openflow.FlowMod, len(e.samplers))
	for i := range e.samplers {
		mods[i] = e.samplers[i].Delete()
	}
	return mods
}

// In reports whether a captured frame has a copy of this capture inside. The frame may be cut.
func (e *Echo) In(frame []byte) bool {
	return slices.ContainsFunc(e.outer, func(h outerHeader) bool { return h.in(frame) })
}

func (h *outerHeader) in(frame []byte) bool {
	for {
		at := bytes.Index(frame, h.addresses)
		if at < 0 {
			return false
		}
		if h.precedes(frame[at+len(h.addresses):]) {
			return true
		}
		frame = frame[at+1:]
	}
}

// precedes reports whether a payload of IP begins with the header of GRE or VXLAN, and with the key
// (RFC 2890, 2; RFC 7348, 5).
func (h *outerHeader) precedes(payload []byte) bool {
	const (
		greWithKey  = 0x20006558 // flags and type of a GRE header: key present, Ethernet inside
		vxlanHasVNI = 0x08000000
		udpHeader   = 8
	)
	if h.vxlanPort == 0 {
		return len(payload) >= 8 && binary.BigEndian.Uint32(payload) == greWithKey &&
			binary.BigEndian.Uint32(payload[4:]) == h.key
	}
	return len(payload) >= udpHeader+8 &&
		binary.BigEndian.Uint16(payload[2:]) == h.vxlanPort &&
		binary.BigEndian.Uint32(payload[udpHeader:]) == vxlanHasVNI &&
		binary.BigEndian.Uint32(payload[udpHeader+4:])>>8 == h.key
}
