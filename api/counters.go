package api

import "time"

// Counters is what was mirrored, as last read from the switches.
type Counters struct {
	Captured  Flowing    `json:"captured"`   // taken at the source
	Guarded   Count      `json:"guarded"`    // of these, packets of the tunnels themselves, which are not mirrored
	Delivered *Flowing   `json:"delivered"`  // given to the tap NIC; nil where the destination cannot tell this flow from others
	Lost      *Count     `json:"lost"`       // sent and not arrived; nil as Delivered
	Shared    bool       `json:"shared"`     // of a flow: the capture carries, or has carried, other flows too; the counters are of all
	SampledAt *time.Time `json:"sampled_at"` // when the older end was read; nil if nothing was read yet
}

// Count is packets and their bytes as frames on the source bridge.
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
