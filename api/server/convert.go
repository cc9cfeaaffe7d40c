package server

import (
	"fmt"
	"net/netip"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Views to JSON. Maps and slices are never null, since clients iterate over them.

func hostJSON(v engine.HostView) api.Host {
	h := api.Host{
		ID: v.ID, Name: v.Name, OVSDB: v.OVSDB, TunnelIP: addrText(v.TunnelIP), DeclaredTunnelIP: addrText(v.Host.TunnelIP),
		Wires: orEmpty(v.Wires), Uplinks: orEmpty(v.Uplinks), NICs: make([]api.HostNIC, 0, len(v.NICs)),
		Connected: v.Connected, OVSVersion: v.OVSVersion, Bridges: orNone(v.Bridges),
		Status: status(v.State), Reason: v.Reason, AppliedBy: v.AppliedBy,
	}
	for _, n := range v.NICs {
		h.NICs = append(h.NICs, api.HostNIC{Name: n.Name, MAC: n.MAC.String(), Speed: n.Speed, Driver: n.Driver, UsedBy: n.UsedBy})
	}
	return h
}

func guestJSON(v engine.GuestView) api.Guest {
	g := api.Guest{
		ID: v.ID, Name: v.Name, Declared: v.Declared, State: v.State, HostID: v.HostID, Host: v.Host,
		NICs: make([]api.GuestNIC, 0, len(v.NICs)), Sources: sourcesJSON(v.Sources), DeclaredNICs: []api.GuestNICCreate{},
	}
	if v.Record != nil {
		g.AppliedBy = v.Record.AppliedBy
		for _, n := range v.Record.NICs {
			g.DeclaredNICs = append(g.DeclaredNICs, api.GuestNICCreate{MAC: n.MAC.String(), IP: addrText(n.IP), IfName: n.IfName})
		}
	}
	for _, n := range v.NICs {
		g.NICs = append(g.NICs, api.GuestNIC{
			MAC: n.MAC.String(), IPAddrs: addrTexts(n.IPs), IfName: n.IfName, HostID: n.HostID, Host: n.Host, Bridge: n.Bridge, Port: n.Port,
			Sources: sourcesJSON(n.Sources),
		})
	}
	return g
}

func sourcesJSON(s engine.Sources) map[string][]string {
	out := map[string][]string{}
	for field, sources := range s.Fields() {
		for _, from := range sources {
			out[field] = append(out[field], string(from))
		}
	}
	return out
}

func wireJSON(v engine.WireView) api.Wire {
	w := api.Wire{ID: v.ID, Name: v.Name, Hosts: make([]api.WireHost, 0, len(v.Hosts))}
	for _, h := range v.Hosts {
		w.Hosts = append(w.Hosts, api.WireHost{
			HostID: h.HostID, Host: h.Host, Bridge: h.Bridge, Uplinks: orNone(h.Uplinks), Declared: h.Declared,
		})
	}
	return w
}

func serviceJSON(v engine.ServiceView) api.TapService {
	return api.TapService{
		ID: v.ID, Name: v.Name, Type: string(v.Type), TargetID: v.TargetID, TargetName: v.Target, TargetIPs: addrTexts(v.TargetIPs),
		MACAddr: v.MAC.String(), IfName: v.IfName,
		Enabled: v.Enabled, Status: status(v.State), Reason: v.Reason, HostID: v.HostID, HostName: v.Host, FlowCount: v.FlowCount, NICXML: v.NICXML,
		Counters: countersJSON(v.Counters), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		AppliedBy: v.AppliedBy,
	}
}

func flowJSON(v engine.FlowView) api.TapFlow {
	return api.TapFlow{
		ID: v.ID, Name: v.Name, TapID: v.TapID, TapName: v.Tap, Type: string(v.Type),
		GuestID: v.GuestID, GuestName: v.Guest, HostID: v.HostID, HostName: v.Host, WireID: v.WireID,
		MACAddr: v.MAC.String(), IPAddr: addrText(v.IP), VLANID: int(v.VLAN), Direction: string(v.Direction),
		Enabled: v.Enabled, Status: status(v.State), Reason: v.Reason,
		Counters: countersJSON(v.Counters), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		AppliedBy: v.AppliedBy,
	}
}

func eventJSON(e engine.Event) (api.Event, error) {
	out := api.Event{ID: e.ID(), Type: api.EventType(e.Type)}
	switch {
	case e.Host != nil:
		out.Object = hostJSON(*e.Host)
	case e.Guest != nil:
		out.Object = guestJSON(*e.Guest)
	case e.Service != nil:
		out.Object = serviceJSON(*e.Service)
	case e.Flow != nil:
		out.Object = flowJSON(*e.Flow)
	default:
		return api.Event{}, fmt.Errorf("event %s is about nothing", e.ID())
	}
	return out, nil
}

// status tells users pending where a planner says programmed: nothing is ready that was not read back.
func status(s tap.State) api.Status {
	if s == tap.StateProgrammed {
		return api.Pending
	}
	return api.Status(s)
}

func addrTexts(addresses []netip.Addr) []string {
	out := make([]string, 0, len(addresses))
	for _, a := range addresses {
		out = append(out, a.String())
	}
	return out
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func orNone(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// Requests to records.

func newHost(b api.HostCreate) (store.Host, error) {
	h := store.Host{Meta: store.Meta{AppliedBy: b.AppliedBy}, Name: b.Name, OVSDB: b.OVSDB, Wires: b.Wires, Uplinks: b.Uplinks}
	var err error
	if h.TunnelIP, err = optionalIP("tunnel_ip", b.TunnelIP); err != nil {
		return store.Host{}, err
	}
	if h.NICs, err = hostNICs(b.NICs); err != nil {
		return store.Host{}, err
	}
	return h, nil
}

func editHost(h *store.Host, p api.HostPatch) error {
	var err error
	if p.TunnelIP.Given {
		text := ""
		if p.TunnelIP.Value != nil {
			text = *p.TunnelIP.Value
		}
		if h.TunnelIP, err = optionalIP("tunnel_ip", text); err != nil {
			return err
		}
	}
	if p.NICs != nil {
		if h.NICs, err = hostNICs(*p.NICs); err != nil {
			return err
		}
	}
	setGiven(&h.Name, p.Name)
	setGiven(&h.OVSDB, p.OVSDB)
	h.Wires = merged(h.Wires, p.Wires)
	h.Uplinks = merged(h.Uplinks, p.Uplinks)
	return nil
}

func hostNICs(in []api.HostNIC) ([]store.HostNIC, error) {
	var out []store.HostNIC
	for i, n := range in {
		mac, err := optionalMAC(fmt.Sprintf("nics[%d].mac", i), n.MAC)
		if err != nil {
			return nil, err
		}
		out = append(out, store.HostNIC{Name: n.Name, MAC: mac, Speed: n.Speed, Driver: n.Driver, UsedBy: n.UsedBy})
	}
	return out, nil
}

func newGuest(b api.GuestCreate) (store.Guest, error) {
	nics, err := guestNICs(b.NICs)
	if err != nil {
		return store.Guest{}, err
	}
	return store.Guest{Meta: store.Meta{AppliedBy: b.AppliedBy}, ID: b.ID, Name: b.Name, NICs: nics}, nil
}

func editGuest(g *store.Guest, p api.GuestPatch) error {
	if p.NICs != nil {
		nics, err := guestNICs(*p.NICs)
		if err != nil {
			return err
		}
		g.NICs = nics
	}
	setGiven(&g.Name, p.Name)
	return nil
}

func guestNICs(in []api.GuestNICCreate) ([]store.GuestNIC, error) {
	var out []store.GuestNIC
	for i, n := range in {
		mac, err := optionalMAC(fmt.Sprintf("nics[%d].mac", i), n.MAC)
		if err != nil {
			return nil, err
		}
		ip, err := optionalIP(fmt.Sprintf("nics[%d].ip", i), n.IP)
		if err != nil {
			return nil, err
		}
		out = append(out, store.GuestNIC{MAC: mac, IP: ip, IfName: n.IfName})
	}
	return out, nil
}

func newService(b api.TapServiceCreate) (store.Service, error) {
	mac, err := optionalMAC("mac_addr", b.MACAddr)
	if err != nil {
		return store.Service{}, err
	}
	return store.Service{Meta: store.Meta{AppliedBy: b.AppliedBy}, Service: tap.Service{Name: b.Name, Type: tap.ServiceType(b.Type), TargetID: b.TargetID, MAC: mac}}, nil
}

func editService(s *store.Service, p api.TapServicePatch) {
	setGiven(&s.Name, p.Name)
	setGiven(&s.Enabled, p.Enabled)
}

func newFlow(b api.TapFlowCreate) (store.Flow, error) {
	f := tap.Flow{
		Name: b.Name, TapID: b.TapID, Type: tap.FlowType(b.Type), GuestID: b.GuestID, HostID: b.HostID, WireID: b.WireID,
		Enabled: b.Enabled == nil || *b.Enabled,
	}
	var err error
	if f.MAC, err = optionalMAC("mac_addr", b.MACAddr); err != nil {
		return store.Flow{}, err
	}
	if f.IP, err = optionalIP("ip_addr", b.IPAddr); err != nil {
		return store.Flow{}, err
	}
	if b.VLANID != nil {
		f.VLAN = uint16(*b.VLANID) // 1..4094 by the document
	}
	if f.Direction, err = tap.ParseDirection(b.Direction); err != nil {
		return store.Flow{}, invalid("direction", err)
	}
	return store.Flow{Meta: store.Meta{AppliedBy: b.AppliedBy}, Flow: f}, nil
}

func editFlow(f *store.Flow, p api.TapFlowPatch) error {
	if p.Direction != nil {
		direction, err := tap.ParseDirection(*p.Direction)
		if err != nil {
			return invalid("direction", err)
		}
		f.Direction = direction
	}
	if p.VLANID.Given {
		f.VLAN = 0
		if p.VLANID.Value != nil {
			f.VLAN = uint16(*p.VLANID.Value) // 1..4094 by the document
		}
	}
	setGiven(&f.Name, p.Name)
	setGiven(&f.TapID, p.TapID)
	setGiven(&f.Enabled, p.Enabled)
	return nil
}

func setGiven[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

// merged is a map after a merge patch, which may be nil; the map itself stays as it is, since others may read it.
func merged[V any](m map[string]V, patch map[string]*V) map[string]V {
	if len(patch) == 0 {
		return m
	}
	out := make(map[string]V, len(m)+len(patch))
	for k, v := range m {
		out[k] = v
	}
	for k, v := range patch {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}

func optionalMAC(field, s string) (tap.MAC, error) {
	if s == "" {
		return tap.MAC{}, nil
	}
	m, err := parseMAC(s)
	if err != nil {
		return tap.MAC{}, invalid(field, err)
	}
	return m, nil
}

func optionalIP(field, s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := parseIP(s)
	if err != nil {
		return netip.Addr{}, invalid(field, err)
	}
	return a, nil
}
