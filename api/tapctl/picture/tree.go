package picture

import (
	"fmt"
	"io"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// branch is a line of a tree and what hangs from it.
type branch struct {
	text string
	sub  []branch
}

// Tree writes a topology as a tree of lines.
func Tree(w io.Writer, t Topology) error {
	var b strings.Builder
	for _, h := range t.Hosts {
		hostBranch(h).write(&b, "", "", "")
	}

	if len(t.Tunnels) > 0 {
		tunnels := branch{text: "tunnels"}
		for _, tunnel := range t.Tunnels {
			line := fmt.Sprintf("%s -> %s  %s", tunnel.From, tunnel.To,
				strings.Join(tunnel.Flows, ", "))
			tunnels.sub = append(tunnels.sub, branch{text: line})
		}
		tunnels.write(&b, "", "", "")
	}

	if unplaced := unplacedBranch(t.Unplaced); len(unplaced.sub) > 0 {
		unplaced.write(&b, "", "", "")
	}

	if b.Len() == 0 {
		b.WriteString("nothing: no host is registered\n")
	}

	_, err := io.WriteString(w, b.String())
	return err
}

// write writes a branch. Its line begins with lead and stem; the lines of its sub-branches begin
// with lead and below.
func (n branch) write(b *strings.Builder, lead, stem, below string) {
	b.WriteString(lead + stem + format.Printable(n.text) + "\n")
	for i, sub := range n.sub {
		if i == len(n.sub)-1 {
			sub.write(b, lead+below, "└── ", "    ")
		} else {
			sub.write(b, lead+below, "├── ", "│   ")
		}
	}
}

func hostBranch(h Host) branch {
	out := branch{text: format.Join(h.Name, health(h.Status, h.Reason),
		format.Labelled("tunnel", h.TunnelIP), format.Labelled("ovs", h.OVSVersion))}
	if len(h.MayStillCopy) > 0 {
		out.sub = append(out.sub,
			branch{text: "may still copy for " + strings.Join(h.MayStillCopy, ", ")})
	}

	for _, bridge := range h.Bridges {
		sub := branch{text: format.Join("bridge "+bridge.Name,
			format.Labelled("wires", strings.Join(bridge.Wires, ", ")),
			format.Labelled("uplinks", strings.Join(bridge.Uplinks, ", ")))}
		for _, f := range bridge.Flows {
			sub.sub = append(sub.sub, branch{text: flowLine(f)})
		}
		out.sub = append(out.sub, sub)
	}

	for _, s := range h.Services {
		out.sub = append(out.sub, branch{text: serviceLine(s)})
	}

	return out
}

func unplacedBranch(u Unplaced) branch {
	out := branch{text: "on no host"}
	for _, s := range u.Services {
		out.sub = append(out.sub, branch{text: serviceLine(s)})
	}
	for _, f := range u.Flows {
		out.sub = append(out.sub, branch{text: flowLine(f)})
	}
	return out
}

func flowLine(f Flow) string {
	to := "-> " + f.Service
	switch {
	case f.Tunnel:
		to += " on " + f.To + " (tunnel)"
	case f.To != "":
		to += " (local)"
	}

	return format.Join("tap flow "+f.Name, f.Type+" "+f.Source, format.Labelled("port", f.Port),
		f.Direction, to, health(f.Status, f.Reason))
}

func serviceLine(s Service) string {
	return format.Join("tap service "+s.Name, s.Type+" "+s.Target,
		format.Labelled("NIC", strings.TrimSpace(s.IfName+" "+s.MAC)),
		format.Counted(s.Flows, "flow"), health(s.Status, s.Reason))
}

func health(status api.Status, reason string) string {
	return kind.Health{Status: status, Reason: reason}.String()
}
