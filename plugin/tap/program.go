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
	Flows   []FlowEntry // of the tap bridge; the controller adds its own flow for probes
	Groups  []GroupEntry
	Meters  []MeterEntry
	Tunnel  Tunnel

	// Held are owners that depend on hosts that were not seen yet (see [Host].Observed). Their
	// objects stay on the switch as they are.
	Held []Hold
}

// Tunnel is the tunnel side of the tap bridge: its flow-based tunnel ports, and the hosts at the
// other ends. The controller probes the path to each peer before it reports what uses that path as
// ready. A probe also makes the switch resolve the peer's address before the first copy needs it.
type Tunnel struct {
	Port    string   // the GRE port; "" if there is none
	Ports   []string // all tunnel ports of the tap bridge, sorted
	Peers   []Peer   // sorted by address and port
	Senders []Sender // sorted by address and port

	Collectors []Collector // sorted by address and port
}

// Collector is the address of remote collectors to which this host sends. Nothing there answers
// probes. A frame now and then makes the switch look for its neighbour again.
type Collector struct {
	Addr netip.Addr
	Port string // our tunnel port that leads there
	// KeepAliveKey is the tun_id of those frames, which no tap service of the address has.
	KeepAliveKey uint32
	ERSPAN       uint8    // version of ERSPAN of those frames; 0 for other encapsulations
	Owners       []string // the captures on this host that send there, sorted
}

// Peer is the tunnel address of another host to which this one sends.
type Peer struct {
	Addr     netip.Addr
	Port     string   // our tunnel port that leads there
	ProbeKey uint32   // tun_id of our probes
	Owners   []string // the captures on this host that send there

	// FrameSize is the largest copy that may be sent there, in octets from its Ethernet header on.
	FrameSize uint32
}

// Sender is the tunnel address of another host that sends to this one. Probes from it, and from no
// other address, are to be answered.
type Sender struct {
	Addr     netip.Addr
	Port     string // our tunnel port at which they arrive
	ProbeKey uint32 // tun_id of its probes
}

// Hold names an owner, and the cookie of its flows.
type Hold struct {
	Owner  string
	Cookie openflow.Cookie
}

// OwnerBridge is the owner of the tap bridge itself.
const OwnerBridge = "bridge"

// TapBridge is the desired tap bridge (columns of ovs-vswitchd.conf.db(5), Bridge).
type TapBridge struct {
	Name         string
	DatapathType string
	FailMode     string
	Protocols    []string
	OtherConfig  map[string]string // only these keys are ours

	// MatchFragments makes flows match the ports of first fragments (OFPC_FRAG_NX_MATCH). Without
	// it all fragments have ports 0.
	MatchFragments bool
}

// Port is a desired port with its one Interface.
type Port struct {
	Owner   string // the capture or service that it belongs to: external_ids:tapline-id
	Bridge  string
	Name    string
	Type    string            // Interface:type: "patch", "gre", or "" for a NIC
	Options map[string]string // Interface:options

	// OFPortRequest is Interface:ofport_request; 0 requests none.
	OFPortRequest uint32
	VLANMode      string // Port:vlan_mode
	Trunks        []uint16

	// Plugged marks the NIC of a guest. The hypervisor creates and deletes the port; it only has to
	// be on Bridge.
	Plugged bool
}

// MaxMirrors is the number of mirrors that a bridge of Open vSwitch supports (MAX_MIRRORS in
// ofproto/ofproto-dpif-mirror.c). It logs and ignores the others.
const MaxMirrors = 32

// Mirror is a desired Mirror record. Its ports are named as on Bridge.
type Mirror struct {
	Owner     string
	Bridge    string
	Name      string
	SelectAll bool // everything that enters the bridge, by whichever port
	// Leaving, beside SelectAll, selects also what leaves the bridge by any port. Open vSwitch does
	// not mirror what a patch port brings as it enters.
	Leaving    bool
	SelectSrc  []string
	SelectDst  []string
	SelectVLAN []uint16
	Output     string
}

// FlowEntry is a desired OpenFlow flow of the tap bridge.
type FlowEntry struct {
	Owner string
	Mod   openflow.FlowMod

	// Counts is CountsByPlace unless the flow only counts.
	Counts FlowCount
	// TapFlows are the ids of the tap flows whose packets it counts, sorted; nil if these are of
	// none, or it is no flow that only counts.
	TapFlows []string
}

// FlowCount says what the statistics of a flow mean. A flow that only counts is one of a table to
// which packets are resubmitted on their way, and it sends them nowhere.
type FlowCount string

// What flows count, of a capture that several tap flows share.
const (
	// CountsByPlace is that of flows which handle packets: their table and their instructions say
	// what they count.
	CountsByPlace FlowCount = ""
	// CountsSent and CountsReceived are packets that enter the tap bridge with the source or
	// destination address of a tap flow's NIC. Each packet that enters is counted by one flow of
	// CountsSent; without TapFlows it is of no such source.
	CountsSent     FlowCount = "sent"
	CountsReceived FlowCount = "received"
	// CountsUnexplained are packets that enter with addresses of which neither is that of a NIC.
	CountsUnexplained FlowCount = "unexplained"
	// CountsSelected are packets from or to a tap flow's NIC that the filter accepts.
	CountsSelected FlowCount = "selected"

	// CountsDuplicates are packets that are dropped since another capture of the service copies
	// them.
	CountsDuplicates FlowCount = "duplicates"
)

// Valid reports whether a flow may count this.
func (c FlowCount) Valid() bool {
	switch c {
	case CountsByPlace, CountsSent, CountsReceived, CountsUnexplained, CountsSelected,
		CountsDuplicates:
		return true
	}
	return false
}

// What flows send to the controller for live captures, see [ServiceController].
const (
	// PacketInID is the controller id of the connection that takes them.
	PacketInID = 7
	// PacketInTimeout is the hard timeout of such a flow in seconds. The controller renews the flow
	// well before; without a controller, the flow costs the switch nothing from then on.
	PacketInTimeout = 60
)

// GroupEntry is a desired OpenFlow group of the tap bridge. Mod is an addition.
type GroupEntry struct {
	Owner string
	Mod   openflow.GroupMod
}

// MeterEntry is a desired OpenFlow meter of the tap bridge. Mod is an addition.
type MeterEntry struct {
	Owner  string
	Counts MeterCount
	Mod    openflow.MeterMod
}

// MeterCount says what the statistics of a meter mean to the owners whose flows use it.
type MeterCount string

// What meters count.
const (
	CountsNothing MeterCount = ""
	CountsLimited MeterCount = "limited" // packets of its bands were dropped by a rate limit
)

// Equal reports whether two ports are the same.
func (p *Port) Equal(o *Port) bool {
	return p.Name == o.Name && p.Owner == o.Owner && p.Bridge == o.Bridge && p.Type == o.Type &&
		p.OFPortRequest == o.OFPortRequest && p.VLANMode == o.VLANMode && p.Plugged == o.Plugged &&
		maps.Equal(p.Options, o.Options) && slices.Equal(p.Trunks, o.Trunks)
}

// Equal reports whether two mirrors are the same.
func (m *Mirror) Equal(o *Mirror) bool {
	return m.Name == o.Name && m.Owner == o.Owner && m.Bridge == o.Bridge &&
		m.SelectAll == o.SelectAll && m.Leaving == o.Leaving && m.Output == o.Output &&
		slices.Equal(m.SelectSrc, o.SelectSrc) && slices.Equal(m.SelectDst, o.SelectDst) &&
		slices.Equal(m.SelectVLAN, o.SelectVLAN)
}

// Equal reports whether two flows are the same.
func (f *FlowEntry) Equal(o *FlowEntry) bool {
	return f.Owner == o.Owner && f.Counts == o.Counts && slices.Equal(f.TapFlows, o.TapFlows) &&
		f.Mod.Equal(&o.Mod)
}

// Equal reports whether two groups are the same.
func (g *GroupEntry) Equal(o *GroupEntry) bool {
	return g.Owner == o.Owner && reflect.DeepEqual(g.Mod, o.Mod)
}

// Equal reports whether two meters are the same.
func (m *MeterEntry) Equal(o *MeterEntry) bool {
	return m.Owner == o.Owner && m.Counts == o.Counts && reflect.DeepEqual(m.Mod, o.Mod)
}

// Equal reports whether two programs are the same.
func (p *Program) Equal(o *Program) bool {
	return p.Host == o.Host &&
		equalAll(p.Ports, o.Ports, (*Port).Equal) &&
		equalAll(p.Mirrors, o.Mirrors, (*Mirror).Equal) &&
		equalAll(p.Flows, o.Flows, (*FlowEntry).Equal) &&
		equalAll(p.Groups, o.Groups, (*GroupEntry).Equal) &&
		equalAll(p.Meters, o.Meters, (*MeterEntry).Equal) &&
		slices.Equal(p.Held, o.Held) &&
		reflect.DeepEqual(p.Bridge, o.Bridge) && p.Tunnel.equal(&o.Tunnel)
}

func (t *Tunnel) equal(o *Tunnel) bool {
	return t.Port == o.Port && slices.Equal(t.Ports, o.Ports) &&
		slices.Equal(t.Senders, o.Senders) && equalAll(t.Peers, o.Peers, (*Peer).equal) &&
		equalAll(t.Collectors, o.Collectors, (*Collector).equal)
}

func (c *Collector) equal(o *Collector) bool {
	return c.Addr == o.Addr && c.Port == o.Port && c.KeepAliveKey == o.KeepAliveKey &&
		c.ERSPAN == o.ERSPAN && slices.Equal(c.Owners, o.Owners)
}

func (p *Peer) equal(o *Peer) bool {
	return p.Addr == o.Addr && p.Port == o.Port && p.ProbeKey == o.ProbeKey &&
		p.FrameSize == o.FrameSize &&
		slices.Equal(p.Owners, o.Owners)
}

func equalAll[T any](a, b []T, equal func(a, b *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(&a[i], &b[i]) {
			return false
		}
	}
	return true
}
