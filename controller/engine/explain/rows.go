package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// rows are the rows of a switch that matter to some owners: what stands, what is missing, and what
// is in the way.
func (x *explainer) rows(h *Host, owners []string) []Row {
	snap := h.Report.Snapshot
	out := x.bridgeRows(h)
	wanted := map[string]bool{} // table and name
	if h.Program != nil {
		for i := range h.Program.Program.Ports {
			if p := &h.Program.Program.Ports[i]; slices.Contains(owners, p.Owner) {
				wanted["Port "+p.Name] = true
				out = append(out, portView(snap, p))
			}
		}
		for i := range h.Program.Program.Mirrors {
			if m := &h.Program.Program.Mirrors[i]; slices.Contains(owners, m.Owner) {
				wanted["Mirror "+m.Bridge+" "+m.Name] = true
				out = append(out, x.mirrorView(snap, m))
			}
		}
	}

	return append(out, x.otherRows(h, owners, wanted)...)
}

// bridgeRows are the rows of the tap bridge and of who controls it.
func (x *explainer) bridgeRows(h *Host) []Row {
	snap := h.Report.Snapshot
	b, exists := snap.Bridge(x.scene.Observer.TapBridge)
	switch {
	case !exists && h.Program == nil:
		return nil
	case !exists:
		return []Row{{Table: "Bridge", Name: x.scene.Observer.TapBridge, Owner: tap.OwnerBridge,
			State: RowMissing}}
	}

	out := []Row{{Table: "Bridge", Name: b.Name, UUID: b.UUID.String(),
		Owner: tap.OwnerBridge, State: x.rowState(b.ExternalIDs),
		Text: fmt.Sprintf("fail_mode=%s datapath_type=%s datapath_id=%s protocols=%s",
			view.OrNone(b.FailMode), view.OrNone(b.DatapathType), view.OrNone(b.DatapathID),
			strings.Join(b.Protocols, ","))}}

	for _, c := range snap.Controllers(b) {
		state := x.rowState(c.ExternalIDs)
		text := "connected" // The row itself is written every 5 seconds.
		if state == RowForeign || !h.OpenFlow {
			text = fmt.Sprintf("is_connected=%v %s", c.IsConnected, pairsText(c.Status.Map()))
		}

		out = append(out, Row{Table: "Controller", Name: c.Target, UUID: c.UUID.String(),
			Owner: tap.OwnerBridge, State: state, Text: text})
	}
	return out
}

// rowState is the state of a row that stands: whether it is ours.
func (x *explainer) rowState(ids vswitch.Pairs) RowState {
	if x.scene.Observer.Owns(ids) {
		return RowStands
	}
	return RowForeign
}

// otherRows are rows of ours that the program does not have, and other people's mirrors on bridges
// that have no room.
func (x *explainer) otherRows(h *Host, owners []string, wanted map[string]bool) []Row {
	snap := h.Report.Snapshot
	var out []Row
	for _, b := range snap.Bridges() {
		for _, p := range snap.BridgePorts(b) {
			if owner := p.ExternalIDs.Get(reconcile.IDKey); x.scene.Observer.Owns(p.ExternalIDs) &&
				slices.Contains(owners, owner) && p.Name != b.Name && !wanted["Port "+p.Name] {
				out = append(out, Row{Table: "Port", Name: p.Name, UUID: p.UUID.String(),
					Owner: owner, Text: "on " + b.Name, State: RowUnwanted})
			}
		}

		mirrors := snap.BridgeMirrors(b)
		for _, m := range mirrors {
			owner := m.ExternalIDs.Get(reconcile.IDKey)
			switch {
			case !x.scene.Observer.Owns(m.ExternalIDs) && len(mirrors) >= tap.MaxMirrors:
				out = append(out, Row{Table: "Mirror", Name: m.Name, UUID: m.UUID.String(),
					State: RowForeign,
					Text: fmt.Sprintf("on %s, which has %d of %d mirrors", b.Name, len(mirrors),
						tap.MaxMirrors)})
			case x.scene.Observer.Owns(m.ExternalIDs) && slices.Contains(owners, owner) &&
				!wanted["Mirror "+b.Name+" "+m.Name]:
				out = append(out, Row{Table: "Mirror", Name: m.Name, UUID: m.UUID.String(),
					Owner: owner, Text: "on " + b.Name, State: RowUnwanted})
			}
		}
	}

	return out
}

func portView(snap *vswitch.Snapshot, p *tap.Port) Row {
	out := Row{Table: "Port", Name: p.Name, Owner: p.Owner, State: RowMissing,
		Text: fmt.Sprintf("on %s type=%s %s", p.Bridge, view.OrNone(p.Type), pairsText(p.Options))}

	row, stands := snap.PortOnBridge(p.Bridge, p.Name)
	if !stands {
		return out
	}

	out.UUID, out.State = row.UUID.String(), RowStands
	parts := []string{"on " + p.Bridge}
	if row.VLANMode != "" {
		parts = append(parts, "vlan_mode="+row.VLANMode, fmt.Sprintf("trunks=%v", row.Trunks))
	}

	for _, i := range snap.PortInterfaces(row) {
		parts = append(parts, fmt.Sprintf("type=%s ofport=%d", view.OrNone(i.Type), i.OFPort))
		if !i.Options.Empty() {
			parts = append(parts, pairsText(i.Options.Map()))
		}
		if i.Type == "" {
			parts = append(parts, fmt.Sprintf("mac_in_use=%s admin_state=%s link_state=%s",
				view.OrNone(i.MACInUse), view.OrNone(i.AdminState), view.OrNone(i.LinkState)))
		}
		if i.Error != "" {
			parts = append(parts, fmt.Sprintf("error=%q", i.Error))
		}
	}

	out.Text = strings.Join(parts, " ")
	return out
}

func (x *explainer) mirrorView(snap *vswitch.Snapshot, m *tap.Mirror) Row {
	out := Row{Table: "Mirror", Name: m.Name, Owner: m.Owner, State: RowMissing,
		Text: "on " + m.Bridge + " " + view.MirrorText(m)}

	bridge, exists := snap.Bridge(m.Bridge)
	if !exists {
		return out
	}

	for _, row := range snap.BridgeMirrors(bridge) {
		if row.Name != m.Name || !x.scene.Observer.Owns(row.ExternalIDs) {
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

		have := tap.Mirror{SelectAll: row.SelectAll, Leaving: row.SelectAll,
			SelectSrc: names(row.SelectSrcPort), SelectDst: names(row.SelectDstPort)}

		for _, v := range row.SelectVLAN {
			have.SelectVLAN = append(have.SelectVLAN, uint16(v))
		}

		if row.OutputPort != nil {
			have.Output = strings.Join(names([]vswitch.UUID{*row.OutputPort}), "")
		}

		out.UUID, out.State = row.UUID.String(), RowStands
		out.Text = "on " + m.Bridge + " " + view.MirrorText(&have)
		if len(row.Statistics) > 0 {
			out.Text += fmt.Sprintf(" tx_packets=%d tx_bytes=%d", row.Statistics["tx_packets"],
				row.Statistics["tx_bytes"])
		} else {
			out.Text += " statistics={} (written every 5 s once it is installed)"
		}
	}

	return out
}

// ownerWords says what a need is about.
func (x *explainer) ownerWords(n tap.Need) string {
	host := x.hostName(n.Host)
	switch {
	case n.Owner == tap.OwnerBridge:
		return fmt.Sprintf("bridge %s of host %s stands", x.scene.Observer.TapBridge, host)
	case n.Owner == "tunnel":
		return fmt.Sprintf("the tunnel port of host %s stands", host)
	case x.scene.Service != nil && n.Owner == x.scene.Service.ID:
		return fmt.Sprintf("host %s delivers to the tap NIC", host)
	}

	return fmt.Sprintf("host %s captures (%s)", host, n.Owner)
}

// controllerWords says what the switch says of its OpenFlow connection.
func (x *explainer) controllerWords(h *Host) string {
	if snap := h.Report.Snapshot; snap != nil {
		if b, exists := snap.Bridge(x.scene.Observer.TapBridge); exists {
			for _, c := range snap.Controllers(b) {
				if x.scene.Observer.Owns(c.ExternalIDs) {
					return fmt.Sprintf("it is not; the switch connects to %s: %s", c.Target,
						view.OrNone(pairsText(c.Status.Map())))
				}
			}
			return fmt.Sprintf("bridge %s has no controller row of ours",
				x.scene.Observer.TapBridge)
		}
		return fmt.Sprintf("there is no bridge %s", x.scene.Observer.TapBridge)
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
