package tap

// Code is the stable name of the reason of a status. Programs and scripts branch on the code; the
// text beside it is for people and may change. A status that is disabled, programmed or ready has
// the code "".
type Code string

// The codes of reasons about a tap flow's source.
const (
	CodeGuestAbsent   Code = "guest_absent"   // no switch shows a NIC of the guest
	CodeSourceUnknown Code = "source_unknown" // the guest has no NIC of that address any more
	CodeSourceAbsent  Code = "source_absent"  // the NIC is not plugged on any host
	CodeWireAbsent    Code = "wire_absent"    // no bridge of the host carries the wire
	CodeVLANOther     Code = "vlan_other"     // the wire is one VLAN, and another one is asked for
	CodeUplinkAbsent  Code = "uplink_absent"  // the bridge has no uplink, so nothing is IN or OUT
	CodeBridgeAbsent  Code = "bridge_absent"  // the host has no such bridge
	CodeDatapathOther Code = "datapath_other" // no patch port joins bridges of two datapath types
	CodeMirrorsFull   Code = "mirrors_full"   // the bridge takes no more Mirror records
	CodeFilterInvalid Code = "filter_invalid" // the filter cannot be compiled
	CodeSelfTap       Code = "self_tap"       // a guest would mirror itself to itself

	CodeSourceAmbiguous Code = "source_ambiguous" // it is uncertain which port is the NIC
	CodeSourceDown      Code = "source_down"      // no packet can pass at the NIC's port
)

// The codes of reasons about a tap service and its NIC. The service and the tap flows that feed it
// have them.
const (
	CodeServiceAbsent   Code = "tap_service_absent"   // the service does not exist
	CodeServiceDisabled Code = "tap_service_disabled" // the service is disabled
	CodeNICAbsent       Code = "tap_nic_absent"       // a guest's NIC is not plugged on any host
	CodeNICUnknown      Code = "tap_nic_unknown"      // the host has no NIC of that address
	CodeNICOpening      Code = "tap_nic_opening"      // the switch has given it no port number yet
	CodeNICMoving       Code = "tap_nic_moving"       // it is being moved to the tap bridge
	CodeNICJoining      Code = "tap_nic_joining"      // a physical NIC is joining the tap bridge
	CodeNICUnidentified Code = "tap_nic_unidentified" // the switch has not reported its address yet
	CodeNICInUse        Code = "tap_nic_in_use"       // something else on the host uses it
	CodeNICReplaced     Code = "tap_nic_replaced"     // its address is not the declared one
	CodeNICFailed       Code = "tap_nic_failed"       // the switch reports an Interface:error
	CodeNICDown         Code = "tap_nic_down"         // admin_state or link_state is down

	CodeDestinationDisputed Code = "destination_disputed" // another place claims the tap NIC
)

// The codes of reasons about hosts and the path between them.
const (
	CodeHostAbsent      Code = "host_absent"      // the host is not registered
	CodeHostUnseen      Code = "host_unseen"      // not reached since the controller started
	CodeHostRefused     Code = "host_refused"     // not programmable, such as a foreign tap bridge
	CodeTunnelIPAbsent  Code = "tunnel_ip_absent" // the source's host has no tunnel address
	CodePeerIPAbsent    Code = "peer_ip_absent"   // the destination's host has no tunnel address
	CodeTunnelIPFamily  Code = "tunnel_ip_family" // IPv4 at one end, IPv6 at the other
	CodeTunnelConflict  Code = "tunnel_conflict"  // a tunnel port that is not ours is in the way
	CodeUserspaceTSO    Code = "userspace_tso"    // the switch drops large segments at tunnels
	CodeGREUnavailable  Code = "gre_unavailable"  // the switch or its kernel does not carry GRE
	CodeERSPANTakesGRE  Code = "erspan_takes_gre" // an ERSPAN port would take GRE away
	CodeMemberUnready   Code = "member_unready"   // a ready pool lacks a member
	CodePoolEmpty       Code = "pool_empty"       // no member of the pool is ready
	CodeNoNeighbour     Code = "no_neighbour"     // nobody answers ARP at the collector or gateway
	CodeNeighbourUntold Code = "neighbour_untold" // unknown whether anybody answers
	CodeCaptureLoops    Code = "capture_loops"    // its own copies come back into it
)

// CodeUndefined stands for a reason of a plugin that gave no code.
const CodeUndefined Code = "undefined"
