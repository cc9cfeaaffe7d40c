package mirror

import "github.com/tapline-sdn/tapline/plugin/tap"

// rendering is what stands for a capture in a program. It is made again only where something of it has changed: so programs share what
// they have in common, and to compare them costs little.
type rendering struct {
	of      renderedFor
	ports   [2]tap.Port
	mirrors []tap.Mirror // nil: to be made
	flows   []tap.FlowEntry
}

// renderedFor is what ports and flows of a capture depend on, beside its name.
type renderedFor struct {
	to          destination
	key         uint32 // of its service
	guard       bool
	local       bool
	in, request uint32 // number of its port on the tap bridge, and the one asked for
	tunnel      uint32
}

// render makes what stands for a capture.
func (p *Planner) render(c *capture, of renderedFor) *rendering {
	g := c.from
	if len(c.groups) < len(g.mirrors()) { // Some have no room: that is not remembered.
		g = &gathered{}
	}
	if g.shown.flows == nil || g.shown.of != of {
		g.shown.of, g.shown.ports, g.shown.flows = of, p.patch(c, of.request), captureFlows(c, of)
	}
	if g.shown.mirrors == nil {
		for _, r := range c.groups {
			g.shown.mirrors = append(g.shown.mirrors, c.mirror(r))
		}
	}
	return &g.shown
}

// patch is the pair of ports that joins a capture's bridge and the tap bridge.
func (p *Planner) patch(c *capture, request uint32) [2]tap.Port {
	return [2]tap.Port{
		{
			Owner: c.id, Bridge: c.bridge, Name: sourcePort(c.id), Type: "patch",
			Options: map[string]string{"peer": tapPort(c.id)},
			// The port floods to nobody, also while no Mirror reserves it: a trunk of the reserved VLAN alone.
			VLANMode: "trunk", Trunks: []uint16{tap.MaxVLAN + 1},
		},
		{
			Owner: c.id, Bridge: p.world.config.Bridge, Name: tapPort(c.id), Type: "patch",
			Options: map[string]string{"peer": sourcePort(c.id)}, OFPortRequest: request,
		},
	}
}

func captureFlows(c *capture, of renderedFor) []tap.FlowEntry {
	flows := flowTables{entries: []tap.FlowEntry{}}
	switch {
	case of.to.coming: // Its flows come when there is something to deliver to.
	case of.local:
		flows.captureLocal(c, of.in)
	default:
		flows.captureRemote(c, of.in, of.tunnel)
	}
	return flows.entries
}
