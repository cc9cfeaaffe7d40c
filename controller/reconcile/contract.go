package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// maxOFPort is the highest number that may be requested (ovs-vswitchd.conf.db(5),
// Interface:ofport_request).
const maxOFPort = 65279

// check holds a program against the contract: it touches nothing but the tap bridge and mirror
// ports of its own, copies leave the tap bridge only by ports with a number, and no two of its
// objects are the same to the switch. It fills in what d takes from that.
func check(p *tap.Program, tapBridge string, d *Desired) (err error) {
	if err := checkSize(p); err != nil {
		return err
	}
	if d.ports, err = checkPorts(p, tapBridge); err != nil {
		return err
	}
	if err := checkBridge(p, tapBridge); err != nil {
		return err
	}
	if err := checkTunnel(p, d.ports, tapBridge); err != nil {
		return err
	}
	if d.mirrors, err = checkMirrors(p, d.ports, tapBridge); err != nil {
		return err
	}
	if err := checkHeld(p); err != nil {
		return err
	}

	if d.groupOwner, d.meterOwner, err = checkResources(p); err != nil {
		return err
	}
	if d.flowOwner, err = checkFlows(p); err != nil {
		return err
	}
	return checkUses(p, d.groupOwner, d.meterOwner)
}

// Bounds on a program, far above what thousands of hosts need.
const (
	maxPorts   = 10_000
	maxMirrors = 2_000
	maxFlows   = 200_000
)

func checkSize(p *tap.Program) error {
	if len(p.Ports) > maxPorts || len(p.Mirrors) > maxMirrors || len(p.Flows) > maxFlows {
		return fmt.Errorf("it has %d ports, %d mirrors and %d flows: want at most %d, %d and %d",
			len(p.Ports), len(p.Mirrors), len(p.Flows), maxPorts, maxMirrors, maxFlows)
	}
	return nil
}

func checkBridge(p *tap.Program, tapBridge string) error {
	switch {
	case p.Bridge.Name != tapBridge:
		return fmt.Errorf("its tap bridge is %q, not %q", p.Bridge.Name, tapBridge)
	case p.Bridge.FailMode != "secure":
		return fmt.Errorf("bridge %s: fail_mode is %q: want secure", p.Bridge.Name,
			p.Bridge.FailMode)
	case !slices.Contains(p.Bridge.Protocols, "OpenFlow13"):
		return fmt.Errorf("bridge %s: protocols are %q: want OpenFlow13 among them", p.Bridge.Name,
			p.Bridge.Protocols)
	}
	return nil
}

// checkTunnel checks that tunnel ports are tunnels of the tap bridge, and that peers and senders
// are reached by them.
func checkTunnel(p *tap.Program, ports map[string]*tap.Port, tapBridge string) error {
	t := &p.Tunnel
	for _, name := range append(slices.Clip(t.Ports), t.Port) {
		port := ports[name]
		if name != "" && (port == nil || port.Bridge != tapBridge || !isTunnel(port.Type)) {
			return fmt.Errorf("tunnel port %s is no tunnel of bridge %s", name, tapBridge)
		}
	}

	for _, peer := range t.Peers {
		if !peer.Addr.IsValid() || !slices.Contains(t.Ports, peer.Port) {
			return fmt.Errorf("peer %v: want an address, and one of the tunnel ports %q instead "+
				"of %q",
				peer.Addr, t.Ports, peer.Port)
		}
	}

	for _, c := range t.Collectors {
		if !c.Addr.IsValid() || !slices.Contains(t.Ports, c.Port) {
			return fmt.Errorf("collector %v: want an address, and one of the tunnel ports %q "+
				"instead of %q", c.Addr, t.Ports, c.Port)
		}
	}

	for _, sender := range t.Senders {
		if !sender.Addr.IsValid() || !slices.Contains(t.Ports, sender.Port) {
			return fmt.Errorf("sender %v: want an address, and one of the tunnel ports %q "+
				"instead of %q",
				sender.Addr, t.Ports, sender.Port)
		}
	}

	return nil
}

func isTunnel(interfaceType string) bool { return slices.Contains(tunnelTypes, interfaceType) }

// tunnelTypes are the types of tunnels between hosts, and to remote collectors.
var tunnelTypes = []string{tunnelType, vxlanType, "geneve", "erspan"}

// Types of interfaces.
const (
	patchType  = "patch"
	tunnelType = "gre"
	vxlanType  = "vxlan"
)

// checkPorts returns the ports by name, which is unique in a switch.
func checkPorts(p *tap.Program, tapBridge string) (map[string]*tap.Port, error) {
	ports := make(map[string]*tap.Port, len(p.Ports))
	for i := range p.Ports {
		port := &p.Ports[i]
		wrong := checkPort(port, tapBridge)
		if _, twice := ports[port.Name]; twice && wrong == "" {
			wrong = "another port of the program has this name"
		}
		if wrong != "" {
			return nil, fmt.Errorf("port %q on bridge %q of owner %q: %s", port.Name, port.Bridge,
				port.Owner, wrong)
		}

		ports[port.Name] = port
	}

	for i := range p.Ports {
		port := &p.Ports[i]
		if wrong := checkKind(port, ports, tapBridge); wrong != "" {
			return nil, fmt.Errorf("port %s on bridge %s: %s", port.Name, port.Bridge, wrong)
		}
	}

	return ports, nil
}

// checkPort says what is wrong with a port by itself, or "".
func checkPort(port *tap.Port, tapBridge string) string {
	switch {
	case port.Owner == "" || port.Name == "" || port.Bridge == "" || len(port.Name) > 15:
		return "a part is missing, or the name is over 15 characters"
	case port.Name == tapBridge:
		return "the name is that of the tap bridge's own port"
	case port.OFPortRequest > maxOFPort:
		return fmt.Sprintf("ofport_request is %d: want 1 to %d, or 0 for none", port.OFPortRequest,
			maxOFPort)
	case port.Plugged && (port.Bridge != tapBridge || port.Type != "" || len(port.Options) > 0):
		return "what a guest's NIC is plugged into can only be a port of the tap bridge, and is " +
			"not configured"
	}
	return ""
}

// checkKind says what is wrong with a port as a NIC, a patch port or a tunnel, or "".
func checkKind(port *tap.Port, ports map[string]*tap.Port, tapBridge string) string {
	paired := isPair(port, ports[port.Options["peer"]], tapBridge)
	switch {
	case port.Bridge != tapBridge && !paired:
		return "only a patch port to bridge " + tapBridge + " may stand there"
	case port.Bridge != tapBridge && (port.VLANMode != "trunk" ||
		!slices.Equal(port.Trunks, closedTrunks)):
		return "it is not closed to ordinary traffic by trunks=4095"
	case port.Type == patchType && !paired:
		return "its peer is no patch port of the same owner on a source bridge"
	case isTunnel(port.Type) && (port.Options["remote_ip"] != "flow" ||
		port.Options["key"] != "flow"):
		return "want a tunnel with remote_ip=flow and key=flow"
	case port.Type != "" && port.Type != patchType && !isTunnel(port.Type):
		return fmt.Sprintf("type %q: want a NIC, a patch port or a tunnel (%s)", port.Type,
			strings.Join(tunnelTypes, ", "))
	}

	return ""
}

// closedTrunks are the trunks of a port that takes no ordinary traffic: the reserved VLAN alone.
var closedTrunks = []uint16{tap.MaxVLAN + 1}

// isPair reports whether two ports are patch ports of one owner that join a source bridge and the
// tap bridge. peer may be nil.
func isPair(port, peer *tap.Port, tapBridge string) bool {
	return port.Type == patchType && peer != nil && peer.Type == patchType &&
		peer.Options["peer"] == port.Name && peer.Owner == port.Owner &&
		(port.Bridge == tapBridge) != (peer.Bridge == tapBridge)
}

// checkMirrors returns the mirrors by bridge and name.
func checkMirrors(
	p *tap.Program, ports map[string]*tap.Port, tapBridge string,
) (map[portKey]*tap.Mirror, error) {
	mirrors := make(map[portKey]*tap.Mirror, len(p.Mirrors))
	for i := range p.Mirrors {
		m := &p.Mirrors[i]
		out, key := ports[m.Output], portKey{m.Bridge, m.Name}
		fits := out != nil && out.Type == patchType && out.Bridge == m.Bridge &&
			out.Owner == m.Owner

		switch {
		case m.Owner == "" || m.Name == "" || m.Bridge == tapBridge || !fits:
			return nil, fmt.Errorf("mirror %s on bridge %s: its output %q is no patch port that "+
				"this program "+
				"has there for owner %q", m.Name, m.Bridge, m.Output, m.Owner)
		case mirrors[key] != nil:
			return nil, fmt.Errorf("mirror %s on bridge %s: another mirror of the program has "+
				"this name",
				m.Name, m.Bridge)
		}

		mirrors[key] = m
	}

	return mirrors, nil
}

// checkFlows returns the owner of each flow.
func checkFlows(p *tap.Program) (map[flowtable.Key]string, error) {
	owners := make(map[flowtable.Key]string, len(p.Flows))
	for i := range p.Flows {
		f := &p.Flows[i]
		key := flowtable.KeyOf(f.Mod.Table, f.Mod.Priority, f.Mod.Match)
		if other, taken := owners[key]; taken {
			return nil, fmt.Errorf("flow %v of %s: %s has the same flow", &f.Mod, f.Owner, other)
		}
		if wrong := checkFlow(f); wrong != "" {
			return nil, fmt.Errorf("flow %v of %q: %s", &f.Mod, f.Owner, wrong)
		}
		owners[key] = f.Owner
	}

	return owners, nil
}

// checkFlow says what is wrong with a flow, or "".
func checkFlow(f *tap.FlowEntry) string {
	m := &f.Mod
	switch {
	case f.Owner == "" || m.Command != openflow.FlowAdd:
		return "want an addition with an owner"
	case m.Table > openflow.TableMax:
		return fmt.Sprintf("want a table of 0 to %d", openflow.TableMax)
	case sendsPackets(m.Instructions):
		if why := forbiddenPacketIn(m); why != "" {
			return why
		}
	case m.IdleTimeout != 0 || m.HardTimeout != 0 || m.Flags != 0 || m.BufferID != 0:
		return "want no timeout, no flags and no buffer: what must stand does not expire"
	case isReserved(m.Cookie) || m.Priority == probePriority && m.Table == 0:
		return fmt.Sprintf("cookies that begin with tp, and priority %d of table 0, are the "+
			"controller's",
			probePriority)
	case !f.Counts.Valid():
		return fmt.Sprintf("it counts %q: that is unknown", f.Counts)
	case f.Counts != tap.CountsByPlace && (goesOn(m.Instructions) || outputs(m.Instructions)):
		return "it is to count only, and sends packets on"
	}

	for _, i := range m.Instructions {
		if why := forbiddenInstruction(i); why != "" {
			return why
		}
	}

	return ""
}

func checkHeld(p *tap.Program) error {
	for _, h := range p.Held {
		if h.Owner == "" || h.Cookie == 0 || isReserved(h.Cookie) {
			return fmt.Errorf("held owner %q with cookie %v: want an owner, and a cookie that is "+
				"its own",
				h.Owner, h.Cookie)
		}
	}
	return nil
}

// isReserved reports whether a cookie is the controller's own: its first two bytes say so.
func isReserved(c openflow.Cookie) bool { return c>>48 == probeMagic>>48 }

// forbiddenInstruction says why an instruction is not allowed, or "". Whatever is not known to be
// harmless is forbidden.
func forbiddenInstruction(i action.Instruction) string {
	switch i := i.(type) {
	case action.GotoTable, action.WriteMetadata, action.ClearActions, action.Meter:
		return ""
	case action.ApplyActions:
		return forbiddenAction(i, false)
	case action.WriteActions:
		if sendsPackets([]action.Instruction{action.ApplyActions(i)}) {
			return "packets go to the controller by apply_actions"
		}
		return forbiddenAction(i, false)
	}
	return fmt.Sprintf("instruction %v is not allowed", i)
}

// scratch are the fields that a computation may write.
var scratch = []oxm.FieldID{
	oxm.FieldReg0, oxm.FieldReg1, oxm.FieldReg2, oxm.FieldReg3, oxm.FieldReg4,
}

// forbiddenAction finds an action by which a packet could leave other than by a port with a number:
// copies must not be learned from, flooded or sent to a controller, and no flow may come about that
// the program does not have.
//
// A cut output must be inside a clone: where it cannot be sent, Open vSwitch cuts the next output
// instead, which may be the guest's own frame.
func forbiddenAction(actions []action.Action, cloned bool) string {
	for _, a := range actions {
		if why := forbidden(a, cloned); why != "" {
			return why
		}
	}
	return ""
}

// forbidden says what is wrong with one action; "" if nothing is.
func forbidden(a action.Action, cloned bool) string {
	if _, apart := tap.IsApart(a); apart && !cloned {
		return ""
	}

	switch a := a.(type) {
	case action.Output:
		return noPort(a.Port)
	case action.OutputTrunc:
		if why := noPort(a.Port); why != "" {
			return why
		}
		if !cloned {
			return fmt.Sprintf("%v: a cut output must be inside a clone", a)
		}

	case action.Clone:
		return forbiddenAction(a.Actions, true)
	case action.Group, action.Controller:
		if cloned {
			return fmt.Sprintf("%v must not be inside a clone", a)
		}
	case action.Resubmit:
		if cloned || a.InPort != openflow.PortInPort {
			return fmt.Sprintf("%v: want no clone around it, and the port of arrival kept", a)
		}

	case action.SetField, action.RegLoad, action.RegMove, action.PushVLAN, action.PopVLAN,
		action.Exit, action.Conjunction:
	case action.Multipath:
		if !slices.Contains(scratch, a.Dst.Field) {
			return fmt.Sprintf("%v: want a register as its destination", a)
		}
	default:
		return fmt.Sprintf("action %v is not allowed", a)
	}
	return ""
}

// noPort says that an output does not name a port by its number; "" if it does.
func noPort(port openflow.PortNo) string {
	if port == 0 || port > openflow.PortMax {
		return fmt.Sprintf("output to %v: want the number of a port", port)
	}
	return ""
}
