package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// connection is the key of a host's since for its OVSDB connection, beside those of owners.
const connection = ""

// maxMirrors is how many mirrors a bridge of Open vSwitch takes.
const maxMirrors = 32

// rows are the rows of a switch that matter to some owners: what stands, what is missing, and what is in the way.
func (x *explainer) rows(h *host, owners []string) []explain.Row {
	snap := h.report.Snapshot
	var out []explain.Row
	if b, exists := snap.Bridge(x.config.TapBridge); exists {
		state := explain.RowStands
		if !x.observer.Owns(b.ExternalIDs) {
			state = explain.RowForeign
		}
		out = append(out, explain.Row{Table: "Bridge", Name: b.Name, UUID: b.UUID.String(), Owner: tap.OwnerBridge, State: state,
			Text: fmt.Sprintf("fail_mode=%s datapath_type=%s datapath_id=%s protocols=%s", orNone(b.FailMode), orNone(b.DatapathType), orNone(b.DatapathID), strings.Join(b.Protocols, ","))})
		for _, c := range snap.Controllers(b) {
			state := explain.RowStands
			if !x.observer.Owns(c.ExternalIDs) {
				state = explain.RowForeign
			}
			text := "connected" // The row itself is written every 5 seconds.
			if state == explain.RowForeign || !h.session.OpenFlowConnected() {
				text = fmt.Sprintf("is_connected=%v %s", c.IsConnected, pairsText(c.Status.Map()))
			}
			out = append(out, explain.Row{Table: "Controller", Name: c.Target, UUID: c.UUID.String(), Owner: tap.OwnerBridge, State: state, Text: text})
		}
	} else if h.program != nil {
		out = append(out, explain.Row{Table: "Bridge", Name: x.config.TapBridge, Owner: tap.OwnerBridge, State: explain.RowMissing})
	}
	wanted := map[string]bool{} // table and name
	if h.program != nil {
		for i := range h.program.Program.Ports {
			if p := &h.program.Program.Ports[i]; slices.Contains(owners, p.Owner) {
				wanted["Port "+p.Name] = true
				out = append(out, portView(snap, p))
			}
		}
		for i := range h.program.Program.Mirrors {
			if m := &h.program.Program.Mirrors[i]; slices.Contains(owners, m.Owner) {
				wanted["Mirror "+m.Bridge+" "+m.Name] = true
				out = append(out, x.mirrorView(snap, m))
			}
		}
	}
	return append(out, x.otherRows(h, owners, wanted)...)
}

// otherRows are rows of ours that the program does not have, and other people's mirrors on bridges that have no room.
func (x *explainer) otherRows(h *host, owners []string, wanted map[string]bool) []explain.Row {
	snap := h.report.Snapshot
	var out []explain.Row
	for _, b := range snap.Bridges() {
		for _, p := range snap.BridgePorts(b) {
			if owner := p.ExternalIDs.Get(reconcile.IDKey); x.observer.Owns(p.ExternalIDs) && slices.Contains(owners, owner) && p.Name != b.Name && !wanted["Port "+p.Name] {
				out = append(out, explain.Row{Table: "Port", Name: p.Name, UUID: p.UUID.String(), Owner: owner, Text: "on " + b.Name, State: explain.RowUnwanted})
			}
		}
		mirrors := snap.BridgeMirrors(b)
		for _, m := range mirrors {
			owner := m.ExternalIDs.Get(reconcile.IDKey)
			switch {
			case !x.observer.Owns(m.ExternalIDs) && len(mirrors) >= maxMirrors:
				out = append(out, explain.Row{Table: "Mirror", Name: m.Name, UUID: m.UUID.String(), State: explain.RowForeign,
					Text: fmt.Sprintf("on %s, which has %d of %d mirrors", b.Name, len(mirrors), maxMirrors)})
			case x.observer.Owns(m.ExternalIDs) && slices.Contains(owners, owner) && !wanted["Mirror "+b.Name+" "+m.Name]:
				out = append(out, explain.Row{Table: "Mirror", Name: m.Name, UUID: m.UUID.String(), Owner: owner, Text: "on " + b.Name, State: explain.RowUnwanted})
			}
		}
	}
	return out
}

func portView(snap *vswitch.Snapshot, p *tap.Port) explain.Row {
	out := explain.Row{Table: "Port", Name: p.Name, Owner: p.Owner, State: explain.RowMissing,
		Text: fmt.Sprintf("on %s type=%s %s", p.Bridge, orNone(p.Type), pairsText(p.Options))}
	row, stands := snap.PortOnBridge(p.Bridge, p.Name)
	if !stands {
		return out
	}
	out.UUID, out.State = row.UUID.String(), explain.RowStands
	parts := []string{"on " + p.Bridge}
	if row.VLANMode != "" {
		parts = append(parts, "vlan_mode="+row.VLANMode, fmt.Sprintf("trunks=%v", row.Trunks))
	}
	for _, i := range snap.PortInterfaces(row) {
		parts = append(parts, fmt.Sprintf("type=%s ofport=%d", orNone(i.Type), i.OFPort))
		if !i.Options.Empty() {
			parts = append(parts, pairsText(i.Options.Map()))
		}
		if i.Type == "" {
			parts = append(parts, fmt.Sprintf("mac_in_use=%s admin_state=%s link_state=%s", orNone(i.MACInUse), orNone(i.AdminState), orNone(i.LinkState)))
		}
		if i.Error != "" {
			parts = append(parts, fmt.Sprintf("error=%q", i.Error))
		}
	}
	out.Text = strings.Join(parts, " ")
	return out
}

func (x *explainer) mirrorView(snap *vswitch.Snapshot, m *tap.Mirror) explain.Row {
	out := explain.Row{Table: "Mirror", Name: m.Name, Owner: m.Owner, State: explain.RowMissing, Text: "on " + m.Bridge + " " + mirrorWords(m)}
	bridge, exists := snap.Bridge(m.Bridge)
	if !exists {
		return out
	}
	for _, row := range snap.BridgeMirrors(bridge) {
		if row.Name != m.Name || !x.observer.Owns(row.ExternalIDs) {
			continue
		}
		names := func(ids []vswitch.UUID) []string {
			var list []string
			for _, id := range ids {
				if p, stands := snap.Port(id); stands {
					list = append(list, p.Name)
				}
			}
			slices.Sort(list)
			return list
		}
		have := tap.Mirror{SelectAll: row.SelectAll, SelectSrc: names(row.SelectSrcPort), SelectDst: names(row.SelectDstPort)}
		for _, v := range row.SelectVLAN {
			have.SelectVLAN = append(have.SelectVLAN, uint16(v))
		}
		if row.OutputPort != nil {
			have.Output = strings.Join(names([]vswitch.UUID{*row.OutputPort}), "")
		}
		out.UUID, out.State = row.UUID.String(), explain.RowStands
		out.Text = "on " + m.Bridge + " " + mirrorWords(&have)
		if len(row.Statistics) > 0 {
			out.Text += fmt.Sprintf(" tx_packets=%d tx_bytes=%d", row.Statistics["tx_packets"], row.Statistics["tx_bytes"])
		} else {
			out.Text += " statistics={} (written every 5 s once it is installed)"
		}
	}
	return out
}

func mirrorWords(m *tap.Mirror) string {
	var parts []string
	if m.SelectAll {
		parts = append(parts, "select_all")
	}
	for _, part := range []struct {
		name  string
		ports []string
	}{{"select_src_port", m.SelectSrc}, {"select_dst_port", m.SelectDst}} {
		if len(part.ports) > 0 {
			parts = append(parts, part.name+"="+strings.Join(part.ports, ","))
		}
	}
	if len(m.SelectVLAN) > 0 {
		parts = append(parts, strings.ReplaceAll(fmt.Sprintf("select_vlan=%v", m.SelectVLAN), " ", ","))
	}
	if len(parts) == 0 {
		parts = append(parts, "selects nothing")
	}
	return strings.Join(append(parts, "output_port="+orNone(m.Output)), " ")
}

// ownerWords says what a need is about.
func (x *explainer) ownerWords(n tap.Need) string {
	host := x.intent.HostName(n.Host)
	switch {
	case n.Owner == tap.OwnerBridge:
		return fmt.Sprintf("bridge %s of host %s stands", x.config.TapBridge, host)
	case n.Owner == "tunnel":
		return fmt.Sprintf("the tunnel port of host %s stands", host)
	case x.intent.Services.ByID[n.Owner] != nil:
		return fmt.Sprintf("host %s delivers to the tap NIC", host)
	}
	return fmt.Sprintf("host %s captures (%s)", host, n.Owner)
}

// controllerWords says what the switch says of its OpenFlow connection.
func (x *explainer) controllerWords(h *host) string {
	if snap := h.report.Snapshot; snap != nil {
		if b, exists := snap.Bridge(x.config.TapBridge); exists {
			for _, c := range snap.Controllers(b) {
				if x.observer.Owns(c.ExternalIDs) {
					return fmt.Sprintf("it is not; the switch connects to %s: %s", c.Target, orNone(pairsText(c.Status.Map())))
				}
			}
			return fmt.Sprintf("bridge %s has no controller row of ours", x.config.TapBridge)
		}
		return fmt.Sprintf("there is no bridge %s", x.config.TapBridge)
	}
	return "the switch was not seen yet"
}

func pairsText(m map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, key+"="+m[key])
	}
	return strings.Join(parts, " ")
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
