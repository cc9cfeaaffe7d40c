package reconcile

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// deletePorts takes our ports away that must not stand, from whichever bridge, and tap bridges of
// ours of other names.
func (x *differ) deletePorts() {
	for _, b := range x.snap.Bridges() {
		if b.Name != x.d.Program.Bridge.Name && x.self.owns(b.ExternalIDs) &&
			b.ExternalIDs.Get(IDKey) == tap.OwnerBridge {
			if x.may(Change{Owner: tap.OwnerBridge, Object: "bridge " + b.Name,
				What: wasUnwanted}) {
				x.out.Txn.DeleteBridge(b.UUID)
				x.mirrors = true
			}
			continue
		}
		for p := range x.snap.EachPort(b) {
			if !x.self.owns(p.ExternalIDs) || p.Name == b.Name {
				continue // A bridge's own port comes and goes with it.
			}

			owner, want := p.ExternalIDs.Get(IDKey), x.d.ports[p.Name]
			switch {
			case want == nil && x.d.held[owner], want != nil && want.Bridge == b.Name:
				continue
			case want != nil:
				owner = want.Owner // It comes back on its bridge in the same transaction.
			}

			if x.may(Change{Owner: owner, Object: object("port", p.Name, b.Name),
				What: wasUnwanted}) {
				x.out.Txn.DeletePort(p.UUID)
				x.mirrors = true
			}
		}
	}
}

func (x *differ) bridgeUUID(name string) (vswitch.UUID, bool) {
	if name == x.d.Program.Bridge.Name {
		return x.tapBridge, true
	}
	b, exists := x.snap.Bridge(name)
	if !exists {
		return vswitch.UUID{}, false
	}
	return b.UUID, true
}

func (x *differ) port(p *tap.Port) {
	bridge, exists := x.bridgeUUID(p.Bridge)
	if !exists {
		x.out.Blocked[p.Owner] = fmt.Sprintf("there is no bridge %s", p.Bridge)
		return
	}

	have, taken := x.snap.PortByName(p.Name)
	stands := false
	var at *vswitch.Bridge
	if taken {
		at, _ = x.snap.BridgeOfPort(have.UUID)
		stands = at != nil && at.Name == p.Bridge
	}

	switch {
	case p.Plugged && stands:
	case p.Plugged && taken && !x.movable(have):
		x.out.Blocked[p.Owner] = fmt.Sprintf("port %s is a part of another bridge, and no NIC of "+
			"a guest", p.Name)
	case p.Plugged && taken:
		if x.may(Change{Owner: p.Owner, Object: object("port", p.Name, p.Bridge),
			What: wasMissing}) {
			x.out.Txn.MovePort(have.UUID, bridge)
			x.mirrors = true
			if at != nil {
				x.noteMove(p.Name, p.Owner, at)
			}
		}
	case p.Plugged:
		x.out.Outstanding[p.Owner] = true // Its owner plugs it.
	case stands && x.anew[p.Name]:
		x.out.Outstanding[p.Owner] = true
		x.replacePort(p, have)
	case stands && x.self.owns(have.ExternalIDs):
		x.updatePort(p, have)
	case taken && !x.self.owns(have.ExternalIDs):
		x.out.Blocked[p.Owner] = fmt.Sprintf("port %s exists and is not ours", p.Name)
	case x.memberOf(p.Name) != "":
		x.out.Blocked[p.Owner] = fmt.Sprintf("interface %s is in use by port %s", p.Name,
			x.memberOf(p.Name))
	// A pair comes whole or not at all.
	case p.Type == "patch" && (!x.gate(p.Owner) || x.out.Blocked[p.Owner] != ""):
		x.out.Outstanding[p.Owner] = true
	case x.may(Change{Owner: p.Owner, Object: object("port", p.Name, p.Bridge), What: wasMissing}):
		// One of that name on another bridge is deleted in the same transaction.
		x.inserted[portKey{p.Bridge, p.Name}] = insertPort(x.out.Txn, bridge, p,
			vswitch.Interface{})
		x.mirrors = x.mirrors || p.Type == "patch"
	}
}

// movable reports whether a port can be a guest's NIC: not a bridge's own port, nor a bond, nor one
// that joins bridges.
func (x *differ) movable(p *vswitch.Port) bool {
	_, local := x.snap.Bridge(p.Name)
	device := x.snap.OnlyInterface(p)
	return !local && device != nil && device.Type != "patch"
}

// memberOf names the port, of another name, that has an interface of this name, such as a bond; ""
// if there is none. Names of interfaces are unique in a switch.
func (x *differ) memberOf(name string) string {
	if x.members == nil {
		x.members = map[string]string{}
		for p := range x.snap.Ports() {
			for i := range x.snap.EachInterface(p) {
				if i.Name != p.Name {
					x.members[i.Name] = p.Name
				}
			}
		}
	}
	return x.members[name]
}

// updatePort brings a port of ours that stands, and its interface, to what the program wants.
func (x *differ) updatePort(p *tap.Port, have *vswitch.Port) {
	if x.d.held[p.Owner] {
		return
	}

	device := x.snap.OnlyInterface(have)
	key, print := portKey{p.Bridge, p.Name}, x.d.Fingerprints[p.Owner]
	if was, known := x.matched.ports[key]; known && device != nil &&
		was == (matchedPort{have, device, print}) {
		return
	}

	if device == nil || device.Name != p.Name || !x.self.owns(device.ExternalIDs) {
		// Somebody has made a bond of it, or put something else into it.
		if x.may(Change{Owner: p.Owner, Object: object("port", p.Name, p.Bridge),
			What: "interfaces"}) {
			x.replacePort(p, have)
		}
		return
	}

	now := x.wantedInterface(p, device)
	interfaceMatches := vswitch.Same(device, &now)
	changed := !interfaceMatches && x.may(differing(p.Owner, object("interface", p.Name, p.Bridge),
		device, &now))
	if changed && (now.Type != device.Type || now.OFPortRequest != device.OFPortRequest ||
		now.Options != device.Options) {
		// If an option changes and changes back at once, Open vSwitch 3.1.0 does not write the
		// second change down: the old port number, or the error, would stay in the row. A new row
		// has nothing from before.
		x.replacePort(p, have)
		return
	}

	want := x.wantedPort(p, have)
	portMatches := vswitch.Same(have, &want)
	if !portMatches && x.may(differing(p.Owner, object("port", p.Name, p.Bridge), have, &want)) {
		x.out.Txn.UpdatePort(want)
		x.mirrors = true
	}

	if portMatches && interfaceMatches {
		x.matched.ports[key] = matchedPort{have, device, print}
	}
	if changed {
		x.out.Txn.UpdateInterface(now)
		x.mirrors = true
	}
}

// wantedInterface is the interface of a port as the program wants it.
func (x *differ) wantedInterface(p *tap.Port, have *vswitch.Interface) vswitch.Interface {
	want := *have
	want.Type, want.Options = p.Type, vswitch.PairsOf(p.Options)
	want.OFPortRequest = int(p.OFPortRequest)
	if p.Type != "" { // A NIC keeps what its host has set for it.
		want.MAC, want.MTURequest, want.OtherConfig = "", 0, vswitch.Pairs{}
	}

	quietInterface(&want)
	if p.Type == patchType {
		keepPolicing(&want, have)
	}
	want.ExternalIDs = x.withIDs(have.ExternalIDs, p.Owner)
	return want
}

// wantedPort is a port as the program wants it.
func (x *differ) wantedPort(p *tap.Port, have *vswitch.Port) vswitch.Port {
	want := *have
	plainPort(&want)
	if p.Type == patchType {
		want.QoS = have.QoS // It does nothing there, as policing.
	}
	want.Trunks, want.VLANMode = ints(p.Trunks), p.VLANMode
	want.ExternalIDs = x.withIDs(have.ExternalIDs, p.Owner)
	return want
}

// plainPort takes off all that can be set for a port.
func plainPort(p *vswitch.Port) {
	p.Tag, p.Trunks, p.CVLANs, p.VLANMode = nil, nil, nil, ""
	p.MAC, p.BondMode, p.LACP, p.OtherConfig = "", "", "", vswitch.Pairs{}
	p.BondFakeIface, p.FakeBridge, p.Protected = false, false, false
	p.BondUpDelay, p.BondDownDelay, p.QoS = 0, 0, nil
}

// quietInterface takes off what makes the switch send frames of its own by an interface, which a
// collector would get, or hold copies back.
func quietInterface(i *vswitch.Interface) {
	i.BFD, i.LLDP, i.CFMMPID, i.IngressPolicing, i.IngressPolicingPkts = vswitch.Pairs{},
		vswitch.Pairs{}, nil, 0, 0
	i.IngressPolicingBurst, i.IngressPolicingPktsBurst = 0, 0
}

// keepPolicing leaves limits as they are on what the switch takes from an interface. They do
// nothing on patch ports, which have no device, and an operator's agent may set them on every port.
func keepPolicing(to, have *vswitch.Interface) {
	to.IngressPolicing, to.IngressPolicingPkts = have.IngressPolicing, have.IngressPolicingPkts
	to.IngressPolicingBurst = have.IngressPolicingBurst
	to.IngressPolicingPktsBurst = have.IngressPolicingPktsBurst
}

// ownPort keeps the port that each bridge has of its own as it was made, but for its tag, which
// counts the transactions that touch mirrors.
//
// Open vSwitch does not look again at the packets' flows that it has cached when a mirror begins or
// ceases to select a port, but does so when a port comes or goes or has another VLAN, in whichever
// of its bridges. So the tag is what makes a change of mirrors take effect on connections that are
// busy, and at once. It means nothing otherwise, since no flow of the tap bridge outputs to NORMAL.
func (x *differ) ownPort(bridge *vswitch.Bridge) {
	have, stands := x.snap.PortOnBridge(bridge.Name, bridge.Name)
	_, elsewhere := x.snap.PortByName(bridge.Name)
	name := func(kind string) string { return object(kind, bridge.Name, bridge.Name) }
	switch {
	case !stands && !elsewhere:
		if x.may(Change{Owner: tap.OwnerBridge, Object: name("port"), What: wasMissing}) ||
			x.mirrors {
			x.out.Txn.InsertPort(bridge.UUID, vswitch.Port{Name: bridge.Name},
				vswitch.Interface{Type: "internal"})
		}
		return
	case !stands:
		return
	}

	want := *have
	if x.self.owns(have.ExternalIDs) {
		plainPort(&want)
		want.Tag = have.Tag
		if !vswitch.Same(have, &want) && !x.may(differing(tap.OwnerBridge, name("port"), have,
			&want)) {
			want = *have
		}
	}

	if x.mirrors {
		want.Tag = nextTag(have.Tag)
	}
	if !vswitch.Same(have, &want) {
		x.out.Txn.UpdatePort(want)
	}
	if !x.self.owns(have.ExternalIDs) {
		return
	}

	for device := range x.snap.EachInterface(have) {
		now := *device
		now.Type, now.Options, now.OFPortRequest = "internal", vswitch.Pairs{}, 0
		now.MAC, now.MTURequest, now.OtherConfig = "", 0, vswitch.Pairs{}
		quietInterface(&now)
		if device.Name == bridge.Name && x.self.owns(device.ExternalIDs) &&
			!vswitch.Same(device, &now) &&
			x.may(differing(tap.OwnerBridge, name("interface"), device, &now)) {
			x.out.Txn.UpdateInterface(now)
		}
	}
}

// nextTag counts on, through the VLANs that there are: 1 to 4094.
func nextTag(tag *int) *int {
	next := 1
	if tag != nil {
		next += *tag % 4094
	}
	return &next
}

// replacePort makes a port anew where it stands. Mirrors follow.
func (x *differ) replacePort(p *tap.Port, have *vswitch.Port) {
	bridge, _ := x.bridgeUUID(p.Bridge) // It was found there.
	var kept vswitch.Interface
	for i := range x.snap.EachInterface(have) {
		if p.Type == "" && i.Name == p.Name {
			kept = *i
		}
	}

	x.out.Txn.DeletePort(have.UUID)
	x.inserted[portKey{p.Bridge, p.Name}] = insertPort(x.out.Txn, bridge, p, kept)
	x.replaced[p.Name] = true
	x.mirrors = true
}

// insertPort adds a port of a program. kept is a NIC's interface from before, if there was one, of
// which it keeps what its host has set.
func insertPort(txn *vswitch.Txn, bridge vswitch.UUID, p *tap.Port,
	kept vswitch.Interface) vswitch.UUID {
	return txn.InsertPort(bridge, vswitch.Port{
		Name: p.Name, VLANMode: p.VLANMode, Trunks: ints(p.Trunks), ExternalIDs: ids(p.Owner),
	}, vswitch.Interface{
		Type: p.Type, Options: vswitch.PairsOf(p.Options), OFPortRequest: int(p.OFPortRequest),
		ExternalIDs: ids(p.Owner),
		MAC:         kept.MAC, MTURequest: kept.MTURequest, OtherConfig: kept.OtherConfig,
	})
}
