package forecast

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// objectKey tells the objects of a program apart.
type objectKey struct {
	kind, name string
	ofFlow     flowtable.Key // of an OpenFlow flow, instead of its name
}

// objects are the objects of a host's program.
func objects(v Program) map[objectKey]Item {
	out := map[objectKey]Item{}
	p := v.Program
	if p == nil {
		return out
	}

	put := func(kind, name, owner, text string) {
		out[objectKey{kind: kind, name: name}] = Item{Kind: kind, Name: name, Text: text,
			For: v.users(owner)}
	}

	put("bridge", p.Bridge.Name, tap.OwnerBridge, bridgeText(&p.Bridge))
	for i := range p.Ports {
		port := &p.Ports[i]
		put("port", port.Name, port.Owner, view.PortText(port))
	}

	for i := range p.Mirrors {
		m := &p.Mirrors[i]
		put("mirror", m.Name, m.Owner, "bridge="+m.Bridge+" "+view.MirrorText(m))
	}

	for _, peer := range p.Tunnel.Peers {
		addr := peer.Addr.String()
		out[objectKey{kind: "tunnel", name: addr}] = Item{
			Kind: "tunnel", Name: addr, Text: "by " + p.Tunnel.Port + " to " + addr,
			For: v.users(peer.Owners...),
		}
	}

	for i := range p.Meters {
		m := &p.Meters[i]
		put("meter", fmt.Sprint(m.Mod.ID), m.Owner, view.MeterText(&m.Mod))
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		put("group", fmt.Sprint(g.Mod.ID), g.Owner, view.GroupText(&g.Mod))
	}

	for i := range p.Flows {
		f := &p.Flows[i]
		key := objectKey{kind: "flow", ofFlow: flowtable.KeyOf(f.Mod.Table, f.Mod.Priority,
			f.Mod.Match)}
		out[key] = Item{Kind: "flow", Name: f.Mod.Selector(), Text: f.Mod.String(),
			For: v.users(f.Owner)}
	}

	return out
}

// users are the names of the services and flows that some owners' objects serve, sorted.
func (v Program) users(owners ...string) []string {
	var all []string
	for _, owner := range owners {
		all = append(all, v.Users[owner]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func bridgeText(b *tap.TapBridge) string {
	words := []string{
		"datapath_type=" + b.DatapathType, "fail_mode=" + b.FailMode, "protocols=" +
			strings.Join(b.Protocols, ","),
	}
	if b.MatchFragments {
		words = append(words, "frags=nx-match") // as ovs-ofctl set-frags
	}
	return strings.Join(append(words, view.Settings("other_config", b.OtherConfig)...), " ")
}
