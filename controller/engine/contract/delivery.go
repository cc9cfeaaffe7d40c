package contract

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// deliveries checks the flows that send packets: each sends those of its own owner alone, to the
// tap NIC of a service or through a tunnel to its host.
func (x *check) deliveries() error {
	for i := range x.program.Groups {
		g := &x.program.Groups[i]
		for _, bucket := range g.Mod.Buckets {
			if why := x.actions(g.Owner, bucket.Actions, tunnelHeader{}); why != "" {
				return fmt.Errorf("group %d of %s: %s", g.Mod.ID, g.Owner, why)
			}
		}
	}
	for i := range x.program.Flows {
		f := &x.program.Flows[i]
		for _, instruction := range f.Mod.Instructions {
			if why := x.instruction(f, instruction); why != "" {
				return fmt.Errorf("flow %v of %s: %s", &f.Mod, f.Owner, why)
			}
		}
	}
	return nil
}

func (x *check) instruction(f *tap.FlowEntry, instruction action.Instruction) string {
	switch i := instruction.(type) {
	case action.WriteMetadata:
		if f.Mod.Table != 0 {
			return "only flows of table 0 may write metadata"
		}
	case action.Meter:
		return x.meter(f, i.ID)
	case action.WriteActions:
		return "want apply_actions: what a packet meets later would be mixed with write_actions"
	case action.ApplyActions:
		if len(i) == 0 {
			return ""
		}
		if sendsPackets(i) {
			return x.packetIn(f)
		}
		if _, own := x.ownMark(f); f.Mod.Table != 0 && !own && !x.ownPort(f) {
			return "it must match the metadata that a flow of its owner writes in table 0, or " +
				"the patch port of its owner"
		}
		return x.actions(f.Owner, i, tunnelHeader{})
	}
	return ""
}

// ownMark is the metadata that a flow matches, if a flow of its owner writes it in table 0.
func (x *check) ownMark(f *tap.FlowEntry) (mark uint64, own bool) {
	mark, exact := exactly(f.Mod.Match, oxm.FieldMetadata)
	owner, known := x.marks[mark]
	return mark, exact && known && owner == f.Owner
}

// ownPort reports whether a flow matches only what comes in by a patch port of its owner.
func (x *check) ownPort(f *tap.FlowEntry) bool {
	in, exact := exactly(f.Mod.Match, oxm.FieldInPort)
	port := x.ports[openflow.PortNo(in)]
	return exact && port != nil && port.Type == "patch" && port.Owner == f.Owner
}

// meter says why a flow may not use a meter, or "". What meets one must be apart from the original;
// see [tap.Apart].
func (x *check) meter(f *tap.FlowEntry, id uint32) string {
	owner := x.meters[id]
	_, feeds := x.allowed[f.Owner][owner]
	if owner != f.Owner && owner != tap.OwnerBridge && !feeds {
		return fmt.Sprintf("meter %d is that of %s", id, owner)
	}

	mark, own := x.ownMark(f)
	switch {
	case !own:
		return "a meter is only for packets of its owner: it must match their metadata"
	case x.besideOriginal(mark)[f.Mod.Table]:
		return "its packets are not apart from the original, which would be dropped as well"
	}
	return ""
}

// collects reports whether what leaves by a tunnel port with a header is for a remote collector.
func collects(s *tap.Service, port *tap.Port, header tunnelHeader) bool {
	if s == nil || s.Type != tap.ServiceRemote || !s.Enabled || header.to != s.Address ||
		header.key != uint64(s.Key) {
		return false
	}

	kind := string(s.Encap)
	if s.Encap.ERSPAN() {
		kind = "erspan"
		if s.Encap == tap.EncapERSPAN1 && header.erspan != 1 ||
			s.Encap == tap.EncapERSPAN2 && header.erspan != 2 {
			return false
		}
	}

	udp := cmp.Or(s.Port, s.Encap.DefaultPort())
	return port.Type == kind && (udp == 0 || port.Options["dst_port"] == strconv.Itoa(int(udp)))
}

// tunnelHeader is what actions have set for the tunnel so far.
type tunnelHeader struct {
	to     netip.Addr
	key    uint64
	erspan uint64 // version
}

// actions follows actions in their order. What is set inside a clone ends with it.
func (x *check) actions(owner string, actions []action.Action, header tunnelHeader) string {
	for _, a := range actions {
		if _, apart := tap.IsApart(a); apart {
			continue
		}

		why := ""
		switch a := a.(type) {
		case action.SetField:
			why = header.set(a.Field)
		case action.RegLoad:
			why = plainField(a.Dst.Field)
		case action.RegMove:
			why = plainField(a.Dst.Field)
		case action.Multipath:
			why = plainField(a.Dst.Field)
		case action.Group:
			if x.groups[a.ID] != owner {
				why = fmt.Sprintf("group %d is that of %s", a.ID, x.groups[a.ID])
			}
		case action.Clone:
			why = x.actions(owner, a.Actions, header)
		case action.Output:
			why = x.output(owner, a.Port, header)
		case action.OutputTrunc:
			why = x.output(owner, a.Port, header)
		}
		if why != "" {
			return why
		}
	}
	return ""
}

func (h *tunnelHeader) set(field oxm.Field) string {
	switch field.ID() {
	case oxm.FieldTunIPv4Dst, oxm.FieldTunIPv6Dst:
		h.to, _ = field.Addr()
	case oxm.FieldTunnelID:
		h.key = field.Uint64()
	case oxm.FieldTunErspanVer:
		h.erspan = field.Uint64()
	default:
		return plainField(field.ID())
	}
	return ""
}

// plainField says why a field may not be set, or "". Metadata and in_port say whose a packet is,
// and tunnel fields are set whole.
func plainField(id oxm.FieldID) string {
	switch id {
	case oxm.FieldMetadata, oxm.FieldInPort, oxm.FieldTunnelID, oxm.FieldTunIPv4Src,
		oxm.FieldTunIPv4Dst, oxm.FieldTunIPv6Src, oxm.FieldTunIPv6Dst:
		return fmt.Sprintf("it may not set %v", id)
	}
	return ""
}

// output says why packets of an owner may not leave by a port of the tap bridge, or "".
func (x *check) output(owner string, number openflow.PortNo, header tunnelHeader) string {
	port := x.ports[number]
	services, capture := x.allowed[owner]
	switch {
	case port == nil:
		return fmt.Sprintf("port %v is none of the program", number)
	case port.Type == "patch":
		return fmt.Sprintf("port %s leads to another bridge", port.Name)
	case port.Type == "" && port.Owner == owner:
		return ""
	case !capture:
		return fmt.Sprintf("%s mirrors nothing and owns no tap NIC at port %s", owner, port.Name)
	case port.Type == "":
		s := x.world.services[port.Owner]
		if _, fed := services[port.Owner]; !fed || s == nil || !s.Enabled {
			return fmt.Sprintf("no tap flow of what it mirrors goes to the tap service at port %s",
				port.Name)
		}
		return ""
	}

	for id := range services {
		s := x.world.services[id]
		if header.key <= 1<<32-1 && x.world.leadsTo(s, x.host.ID, header.to,
			uint32(header.key), keyWidth(port)) || collects(s, port, header) {
			return ""
		}
	}
	return fmt.Sprintf("no tap service of what it mirrors is at %v with key %d", header.to,
		header.key)
}
