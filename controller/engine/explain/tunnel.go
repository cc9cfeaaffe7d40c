package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// tunnelUse is how the copies of a capture travel to another host, according to the program of the
// capture's host.
type tunnelUse struct {
	port  string // name of our tunnel port, the same at both ends; "" if the program has none
	kind  string // its Interface:type in capitals
	owner string // its owner
	key   uint64 // tun_id of the copies
	known bool   // the program has flows that set the key
}

// useOfTunnel finds how a program sends the copies of a capture to another host. A capture has no
// flows while its destination has no port number.
func useOfTunnel(p *tap.Program, capture string) (use tunnelUse) {
	for _, peer := range p.Tunnel.Peers {
		if slices.Contains(peer.Owners, capture) {
			use.port = peer.Port
		}
	}
	for i := range p.Ports {
		if p.Ports[i].Name == use.port && p.Ports[i].Bridge == p.Bridge.Name {
			use.kind, use.owner = strings.ToUpper(p.Ports[i].Type), p.Ports[i].Owner
		}
	}

	for i := range p.Flows {
		if p.Flows[i].Owner != capture {
			continue
		}
		for _, instruction := range p.Flows[i].Mod.Instructions {
			if actions, apply := instruction.(action.ApplyActions); apply {
				use.readKey(actions)
			}
		}
	}
	return use
}

// readKey looks for the action that sets the key, also within clone().
func (u *tunnelUse) readKey(actions []action.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case action.SetField:
			if a.Field.ID() == oxm.FieldTunnelID {
				u.key, u.known = a.Field.Uint64(), true
			}
		case action.Clone:
			u.readKey(a.Actions)
		}
	}
}

// keyWords names the key as ovs-ofctl(8) prints it, so that it can be found among the flows.
func (u *tunnelUse) keyWords() string {
	if !u.known {
		return "no flow sets a key yet"
	}
	return fmt.Sprintf("key %#x", u.key)
}

// addTunnel adds both ends of the tunnel to the collector's host.
func (x *explainer) addTunnel(h *Host, capture string, remote tap.Need) {
	tapBridge := x.scene.Observer.TapBridge
	use := useOfTunnel(h.Program.Program, capture)
	to := x.at(remote.Host)
	there := "?"
	if to.host != nil {
		there = to.host.Observed.TunnelIP.String()
	}

	x.out.Path = append(x.out.Path, Hop{
		What: "tunnel", HostID: h.ID, Host: h.Name, Bridge: tapBridge, Port: use.port,
		OFPort: ofport(h.Report.Snapshot, tapBridge, use.port),
		Text: fmt.Sprintf("%s from %s to %s, %s", use.kind, h.Observed.TunnelIP, there,
			use.keyWords()),
		Health: x.needHealth(tap.Need{Host: h.ID, Owner: use.owner}),
		Count:  x.at(h.ID).passed(capture, leaving),
	})

	if to.host == nil || to.host.Program == nil {
		return
	}

	x.out.Path = append(x.out.Path, Hop{
		What: "tap bridge", HostID: remote.Host, Host: to.host.Name, Bridge: tapBridge,
		Port: use.port, OFPort: ofport(to.host.Report.Snapshot, tapBridge, use.port),
		Text: fmt.Sprintf("from the tunnel, %s; the count is of all hosts that send to the service",
			use.keyWords()),
		Health: x.needHealth(remote), Count: to.passed(remote.Owner, entering),
	})
}
