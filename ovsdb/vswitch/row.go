package vswitch

import "github.com/tapline-sdn/tapline/ovsdb"

// UUID identifies a row.
type UUID = ovsdb.UUID

// OpenVSwitch is the one row of table Open_vSwitch.
type OpenVSwitch struct {
	UUID           UUID
	Bridges        []UUID
	ManagerOptions []UUID // of table Manager
	SSL            *UUID
	NextCfg        int64 // incremented by clients that wait for their changes
	CurCfg         int64 // the NextCfg that ovs-vswitchd has applied
	ExternalIDs    Pairs
	OtherConfig    Pairs
	OVSVersion     string
	Datapaths      map[string]UUID // of table Datapath, by type: "system", "netdev"
}

// Datapath is a row of table Datapath. A switch has one only where somebody made it, as
// ovn-controller(8) does; ovs-vswitchd then fills in what the datapath can do.
type Datapath struct {
	UUID         UUID
	Version      string
	Capabilities Pairs // empty: the switch has not told them
	ExternalIDs  Pairs
}

// Bridge is a row of table Bridge.
type Bridge struct {
	UUID                UUID
	Name                string
	Ports               []UUID
	Mirrors             []UUID
	Controllers         []UUID
	DatapathType        string // "" is the kernel's, "netdev" is user space
	DatapathID          string // 16 hexadecimal digits
	FailMode            string // "standalone", "secure" or ""
	Protocols           []string
	FloodVLANs          []int
	FlowTables          map[int]UUID // of table Flow_Table, by number
	ExternalIDs         Pairs
	OtherConfig         Pairs
	STPEnable           bool
	RSTPEnable          bool
	McastSnoopingEnable bool
}

// Port is a row of table Port.
type Port struct {
	UUID          UUID
	Name          string
	Interfaces    []UUID
	Tag           *int // 0..4095; nil: none
	Trunks        []int
	CVLANs        []int
	VLANMode      string // "access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"
	MAC           string
	BondMode      string
	BondFakeIface bool
	FakeBridge    bool
	LACP          string
	Protected     bool
	BondUpDelay   int // milliseconds
	BondDownDelay int
	QoS           *UUID // of table QoS
	ExternalIDs   Pairs
	OtherConfig   Pairs
}

// Interface is a row of table Interface. Its statistics, which change every few
// seconds, are not watched.
type Interface struct {
	UUID          UUID
	Name          string
	Type          string // "" is a device of the system, then "internal", "patch", "gre", ...
	Options       Pairs
	OFPort        int // OpenFlow port number; 0: not yet assigned, -1: failed, see Error
	OFPortRequest int // 1..65279; 0: none
	MAC           string
	MACInUse      string
	MTU           int // of the device, in bytes; 0: not known
	MTURequest    int
	AdminState    string // "up", "down" or ""
	LinkState     string // "up", "down" or ""
	Error         string
	ExternalIDs   Pairs
	OtherConfig   Pairs
	Status        Pairs

	// Frames that the switch itself sends from the port, and a limit on what it accepts there.
	BFD                 Pairs
	LLDP                Pairs
	CFMMPID             *int
	IngressPolicing     int64 // kbit/s; 0: no limit
	IngressPolicingPkts int64 // thousands of packets a second; 0: no limit
	// How far they may be exceeded for a moment.
	IngressPolicingBurst     int64 // kbit; 0: the switch's default
	IngressPolicingPktsBurst int64 // thousands of packets; 0: the switch's default
}

// Open reports whether the switch has opened the interface: it has a number and no error.
func (i *Interface) Open() bool { return i.OFPort > 0 && i.Error == "" }

// Mirror is a row of table Mirror.
type Mirror struct {
	UUID          UUID
	Name          string
	SelectAll     bool
	SelectSrcPort []UUID // of table Port; the database removes deleted ports
	SelectDstPort []UUID
	SelectVLAN    []int
	OutputPort    *UUID
	OutputVLAN    *int
	Snaplen       int              // 14..65535; 0: whole packets
	Filter        string           // since Open vSwitch 3.4
	Statistics    map[string]int64 // tx_packets, tx_bytes; empty: not installed
	ExternalIDs   Pairs
}

// Controller is a row of table Controller.
type Controller struct {
	UUID            UUID
	Target          string
	Type            string // "primary", "service" or ""
	ConnectionMode  string // "in-band", "out-of-band" or ""
	InactivityProbe *int   // milliseconds; 0: never; nil: the switch's default
	MaxBackoff      int    // milliseconds, at least 1000; 0: the switch's default
	RateLimit       int    // packets per second, at least 100; 0: none
	BurstLimit      int    // packets
	QueueSize       int    // packet-ins that may wait; 0: the switch's default
	AsyncMessages   *bool  // whether unasked messages are sent; nil: the switch's default
	LocalIP         string // LocalIP, LocalNetmask and LocalGateway are for in-band control
	LocalNetmask    string
	LocalGateway    string
	IsConnected     bool
	Role            string // "master", "slave", "other" or ""
	Status          Pairs
	ExternalIDs     Pairs
	OtherConfig     Pairs
}

// Manager is a row of table Manager: an OVSDB connection of the switch.
type Manager struct {
	UUID            UUID
	Target          string
	ConnectionMode  string
	InactivityProbe *int // milliseconds; 0: never; nil: the switch's default
	MaxBackoff      int  // milliseconds; 0: the switch's default
	IsConnected     bool
	Status          Pairs
	ExternalIDs     Pairs
	OtherConfig     Pairs
}
