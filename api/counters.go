package api

import "time"

// Counters are what was mirrored, as last read from the switches.
type Counters struct {
	// Captured are packets at the source.
	Captured Flowing `json:"captured"`
	// Guarded are captured packets of the tunnels themselves, which are not mirrored.
	Guarded Count `json:"guarded"`
	// Delivered are packets at the tap NIC; nil if the destination cannot tell this flow from
	// others.
	Delivered *Flowing `json:"delivered"`
	// Lost are packets that were sent into the tunnel and did not arrive; nil if Delivered is, and
	// where Merging leaves it open whether any were.
	Lost *Count `json:"lost"`
	// Filtered are captured packets that the filter rejects, the sample leaves out, or dedup drops.
	Filtered Count `json:"filtered"`
	// Limited are packets that the rate limit of the service has dropped at the source; nil if
	// Delivered is.
	Limited *Count `json:"limited"`
	// Shared is true if the counters of a flow include other flows of the same capture, now or
	// earlier.
	Shared bool `json:"shared"`
	// ByMAC is what is the flow's own, counted by the MAC address of its NIC. Nil unless Shared,
	// for flows of a whole switch, and where the address does not tell.
	ByMAC *ByMAC `json:"by_mac"`
	// Merging is true if a switch merges or divides TCP segments before it counts them. Lost is
	// then what that cannot explain: at least so many are lost.
	Merging bool `json:"merging"`
	// Cut says that copies of a flow are cut to fit; nil if whole copies fit.
	Cut *Cut `json:"cut"`
	// SampledAt is when the older of the two ends was read; nil before the first reading.
	SampledAt *time.Time `json:"sampled_at"`
}

// ByMAC is what a flow has captured by itself, as far as the addresses of packets tell: those from
// the address of its NIC, to it, or both, by direction. Broadcasts and multicasts count for their
// sender only.
type ByMAC struct {
	Captured Flowing `json:"captured"`
	// Selected is what the filter has accepted of that; nil where there is none.
	Selected *Count `json:"selected"`
	// Unexplained are packets of the shared captures with no address of any of their NICs.
	Unexplained Count `json:"unexplained"`
}

// Cut says where copies that are too large for their path are cut to fit. Switches do not count how
// many were.
type Cut struct {
	Size      uint32 `json:"size"`       // octets that remain, from the Ethernet header on
	SourceMTU uint32 `json:"source_mtu"` // 0 while unknown
	MTU       uint32 `json:"mtu"`        // the one that is too small
	Reason    string `json:"reason"`     // names both MTUs, and where the smaller one is
}

// Count is a number of packets, and the bytes of their whole frames on the source bridge.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Flowing is a count with its rates over the last seconds.
type Flowing struct {
	Packets          uint64  `json:"packets"`
	Bytes            uint64  `json:"bytes"`
	PacketsPerSecond float64 `json:"packets_per_second"`
	BitsPerSecond    float64 `json:"bits_per_second"`
}
