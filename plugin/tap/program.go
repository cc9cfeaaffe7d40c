package tap

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
)

// Program is the whole desired state of one host. Applying it twice equals applying it once.
// Everything in it is sorted, so that equal programs compare equal.
type Program struct {
	Host    string // id
	Bridge  TapBridge
	Ports   []Port
	Mirrors []Mirror
	Flows   []FlowEntry // of the tap bridge; the controller adds flows of its own, to revalidate and to probe
	Tunnel  Tunnel
	// Held are owners of which not everything is known yet (see [Host].Observed): what stands in their name stays as it is.
	Held []Hold
}

// Tunnel is the flow-based tunnel port of the tap bridge and where it leads. The controller probes each way before it calls
// what goes that way ready; that also makes the switch find its neighbours before the first copy needs them.
type Tunnel struct {
	Port  string // "" if there is none
	Peers []Peer // sorted by address
}

// Peer is the tunnel address of another host, and the owners on this host that send there.
type Peer struct {
	Addr   netip.Addr
	Owners []string
}

// Hold names an owner, and the cookie of its flows.
type Hold struct {
	Owner  string
	Cookie openflow.Cookie
}

// OwnerBridge is the owner of the tap bridge itself.
const OwnerBridge = "bridge"

// TapBridge is the tap bridge as it must stand (columns of ovs-vswitchd.conf.db(5), Bridge).
type TapBridge struct {
	Name         string
	DatapathType string
	FailMode     string
	Protocols    []string
	OtherConfig  map[string]string // only these keys are ours
}

// Port is a port, with its one Interface, that must stand.
type Port struct {
	Owner   string // what it belongs to: external_ids:tapline-id
	Bridge  string
	Name    string
	Type    string            // Interface:type: "patch", "gre", or "" for a NIC
	Options map[string]string // Interface:options
	// OFPortRequest is Interface:ofport_request; 0 asks for none.
	OFPortRequest uint32
	VLANMode      string // Port:vlan_mode
	Trunks        []uint16
	// Plugged marks the NIC of a guest: somebody else creates and deletes the port, it only has to be on Bridge.
	Plugged bool
}

// Mirror is a Mirror record that must stand; ports are named as on Bridge.
type Mirror struct {
	Owner      string
	Bridge     string
	Name       string
	SelectAll  bool
	SelectSrc  []string
	SelectDst  []string
	SelectVLAN []uint16
	Output     string
}

// FlowEntry is a flow that must stand on the tap bridge.
type FlowEntry struct {
	Owner string
	Mod   openflow.FlowMod
}

// Equal reports whether two ports say the same.
func (p *Port) Equal(o *Port) bool {
	return p.Name == o.Name && p.Owner == o.Owner && p.Bridge == o.Bridge && p.Type == o.Type && p.OFPortRequest == o.OFPortRequest &&
		p.VLANMode == o.VLANMode && p.Plugged == o.Plugged && maps.Equal(p.Options, o.Options) && slices.Equal(p.Trunks, o.Trunks)
}

// Equal reports whether two mirrors say the same.
func (m *Mirror) Equal(o *Mirror) bool {
	return m.Name == o.Name && m.Owner == o.Owner && m.Bridge == o.Bridge && m.SelectAll == o.SelectAll && m.Output == o.Output &&
		slices.Equal(m.SelectSrc, o.SelectSrc) && slices.Equal(m.SelectDst, o.SelectDst) && slices.Equal(m.SelectVLAN, o.SelectVLAN)
}

// Equal reports whether two flows say the same.
func (f *FlowEntry) Equal(o *FlowEntry) bool { return f.Owner == o.Owner && f.Mod.Equal(&o.Mod) }

// Equal reports whether two programs say the same.
func (p *Program) Equal(o *Program) bool {
	return p.Host == o.Host && sameObjects(p.Ports, o.Ports, (*Port).Equal) && sameObjects(p.Mirrors, o.Mirrors, (*Mirror).Equal) &&
		sameObjects(p.Flows, o.Flows, (*FlowEntry).Equal) && slices.Equal(p.Held, o.Held) &&
		reflect.DeepEqual(p.Bridge, o.Bridge) && reflect.DeepEqual(p.Tunnel, o.Tunnel)
}

func sameObjects[T any](a, b []T, same func(a, b *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

// Need names something that must stand on a switch before a service or a flow is ready: all of an owner's objects on a host.
type Need struct {
	Host  string
	Owner string
}

// Kind tells services from flows.
type Kind string

// The kinds that have a status.
const (
	KindService Kind = "tap_service"
	KindFlow    Kind = "tap_flow"
)

// Status is the planner's word on one service or flow.
type Status struct {
	Kind   Kind
	ID     string
	State  State  // StateReady is never among a planner's answers
	Reason string // of StatePending and StateError, for people
	Code   Code   // of the same, for programs
	Needs  []Need // of StateProgrammed
}
