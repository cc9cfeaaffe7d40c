package tap

// LackCode is the stable name of something that a switch cannot do, or does otherwise than the
// newest release on the newest kernel. What each costs is told by package inventory.
type LackCode string

// What switches lack.
const (
	// LackFlowMonitor: no flow monitor for OpenFlow 1.3.
	LackFlowMonitor LackCode = "flow_monitor"
	// LackSingleCopy: a packet is mirrored again after flows have changed it.
	LackSingleCopy LackCode = "single_copy"
	// LackCacheUpdate: new actions may reach another cached flow than the one that is meant.
	LackCacheUpdate LackCode = "cache_update"
	// LackOwnPackets: what the switch itself puts into tunnels is not mirrored as it leaves.
	LackOwnPackets LackCode = "own_packets"
	// LackSymmetricHash: the hash of select groups parts the two directions of a connection.
	LackSymmetricHash LackCode = "symmetric_hash"
	// LackGRE: GRE cannot be received.
	LackGRE LackCode = "gre"
	// LackGREOverIPv6: no flow-based GRE port over IPv6.
	LackGREOverIPv6 LackCode = "gre_over_ipv6"
	// LackERSPANBesideGRE: a port of type erspan takes the GRE packets of all other ports.
	LackERSPANBesideGRE LackCode = "erspan_beside_gre"
	// LackNeighbours: it does not tell whether it knows the neighbour of a tunnel's far end.
	LackNeighbours LackCode = "neighbours"
)

// Lack is something that a switch lacks.
type Lack struct {
	Code     LackCode
	Datapath string // the type of datapath, such as "system", that lacks it; "" for the switch
	Possible bool   // the switch does not tell whether it lacks it
}

// Lacks reports whether bridges of a type of datapath lack something, or may lack it.
func (h *Host) Lacks(code LackCode, datapath string) bool {
	for _, lack := range h.Lacking {
		if lack.Code == code && (lack.Datapath == "" || lack.Datapath == datapath) {
			return true
		}
	}
	return false
}
