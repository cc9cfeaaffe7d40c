package meter

import (
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Interval is how often the counters of a switch are read in the background where something is
// mirrored.
const Interval = 10 * time.Second

// Reading is what the flows of a host's tap bridge have counted since each was written.
type Reading struct {
	At     time.Time
	Flows  []FlowCount
	Limits []LimitCount // read after Flows
}

// LimitCount is what the rate limit of a service has dropped on a host, of all captures together.
type LimitCount struct {
	Service string
	Count
}

// FlowCount is the statistics of one flow.
type FlowCount struct {
	reconcile.Meter
	Key flowtable.Key
	Age time.Duration // since the flow was written
	Count
}

// Count is a number of packets, and of their bytes as frames on the source bridge, without the
// tunnel's headers.
type Count struct{ Packets, Bytes uint64 }

func (c Count) plus(d Count) Count { return Count{c.Packets + d.Packets, c.Bytes + d.Bytes} }

// minus is what c has more than d; nothing where it has less.
func (c Count) minus(d Count) Count {
	out := Count{}
	if c.Packets > d.Packets {
		out.Packets = c.Packets - d.Packets
	}
	if c.Bytes > d.Bytes {
		out.Bytes = c.Bytes - d.Bytes
	}
	return out
}

// Route says what an owner of flows on a host is: a capture that takes packets to a service, or the
// service itself, which receives them there.
type Route struct {
	Service  string
	Receives bool // the owner is the service

	// Of a capture:
	Flows  []string   // tap flows that it carries
	Tunnel netip.Addr // from which it sends; zero if source and destination are on one host
	// Resized says that copies have other sizes than captured packets: they are cut, or their VLAN
	// tag changes.
	Resized bool
	// Filtered says that its tap flows have a filter.
	Filtered bool
	Largest  uint32 // frame that it may capture, in octets; 0 while unknown

	// Kernel says that the host's tap bridge is on the kernel's datapath, which merges and divides
	// TCP segments before it counts them.
	Kernel bool
}

// Counters is what is known of a service or a tap flow.
type Counters struct {
	Captured  Flowing // taken at the source
	Guarded   Count   // of these, packets of our own tunnels, which are not mirrored
	Filtered  Count   // rejected by the filter
	Limited   Count   // dropped by the rate limit of the service
	Delivered Flowing // given to the tap NIC
	Lost      Count   // sent, and not arrived at the other end of the tunnel
	// Undivided is set for a tap flow whose copies share the path to the destination with those of
	// another bridge of the host, so that the destination cannot tell them apart: Delivered and
	// Lost are then not known.
	Undivided bool
	// Unseen is set where copies go to a remote collector, or to a pool, which may have one: no
	// switch counts what arrives there. Delivered is then what has left for it, and Lost not known.
	Unseen bool
	// Shared is set for a tap flow whose capture carries, or has carried, other tap flows too: the
	// counters are of all of them.
	Shared bool
	// ByMAC is what is the flow's own of that; nil where it is not known, or where Shared is not
	// set.
	ByMAC *ByMAC
	// Merging says that a switch merges or divides TCP segments before it counts them, so that
	// fewer or more packets arrive than were captured. Lost is then what that cannot explain. It
	// may be less than was lost, and is unknown where it is 0.
	Merging bool
	// Cut says that copies of a tap flow are cut to fit, and where; nil if whole copies fit. No
	// counter of a switch tells how many were.
	Cut *tap.Cut

	SampledAt time.Time // of the older end; zero if nothing was read yet
}

// ByMAC is what a tap flow has captured whose capture others share: packets from or to the MAC
// address of its NIC, by direction. While it was alone, that is everything.
type ByMAC struct {
	Captured Flowing
	// Selected is what the filter has accepted of that; nil where there is none.
	Selected *Count
	// Unexplained is what the shared captures took beyond that of all their tap flows: packets of
	// which neither address is that of a NIC, such as floods and what was sent with another source
	// address.
	Unexplained Count
}

// Flowing is a count and its rates over the last seconds.
type Flowing struct {
	Count
	PacketsPerSecond float64
	BitsPerSecond    float64
}
