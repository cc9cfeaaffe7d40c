package tap

// Code is the stable name of the reason of a status. Scripts and programs branch on it; the text beside it is for people
// and may change. A status that is disabled, programmed or ready has the code "".
type Code string

// The codes of reasons about a tap flow's source.
const (
	CodeSourceAbsent  Code = "source_absent"  // no switch shows the NIC, or the guest
	CodeWireAbsent    Code = "wire_absent"    // no bridge of the host carries the wire
	CodeUplinkAbsent  Code = "uplink_absent"  // the bridge has no uplink, so nothing is IN or OUT
	CodeBridgeAbsent  Code = "bridge_absent"  // the host has no such bridge
	CodeDatapathOther Code = "datapath_other" // no patch port can join bridges of two datapath types
	CodeMirrorsFull   Code = "mirrors_full"   // the bridge takes no more Mirror records
	CodeSelfTap       Code = "self_tap"       // a guest would mirror itself to itself
)

// The codes of reasons about a tap service and its NIC, given for the service and for the tap flows that feed it.
const (
	CodeServiceAbsent   Code = "tap_service_absent"
	CodeServiceDisabled Code = "tap_service_disabled"
	CodeNICAbsent       Code = "tap_nic_absent"   // no switch, or no facts of the host, show the NIC
	CodeNICOpening      Code = "tap_nic_opening"  // the switch has not opened it, or not told its address
	CodeNICMoving       Code = "tap_nic_moving"   // it is being moved to the tap bridge
	CodeNICInUse        Code = "tap_nic_in_use"   // something else on the host uses it
	CodeNICReplaced     Code = "tap_nic_replaced" // the device has another address than was declared
	CodeNICFailed       Code = "tap_nic_failed"   // Interface:error
	CodeNICDown         Code = "tap_nic_down"     // admin_state or link_state
)

// The codes of reasons about hosts and the path between them.
const (
	CodeHostAbsent     Code = "host_absent"      // it is not registered
	CodeHostUnseen     Code = "host_unseen"      // it was not reached since the controller started
	CodeHostRefused    Code = "host_refused"     // nothing may be programmed there, such as a foreign tap bridge
	CodeTunnelIPAbsent Code = "tunnel_ip_absent" // of either end
	CodeTunnelIPFamily Code = "tunnel_ip_family" // IPv4 at one end, IPv6 at the other
	CodeUndefined      Code = "undefined"        // a plugin gave a reason without a code
)
