package mirror

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror/guard"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// collector is a remote collector: where it is, and how copies get there.
type collector struct {
	addr  netip.Addr // zero of other destinations
	encap tap.Encap
	port  uint16 // UDP port; 0 for an encapsulation that UDP does not carry
	key   uint32
}

func newCollector(s *tap.Service) collector {
	return collector{
		addr: s.Address, encap: s.Encap, key: s.Key,
		port: cmp.Or(s.Port, s.Encap.DefaultPort()),
	}
}

// header sets the tunnel fields of a copy for the collector.
func (c *collector) header() []action.Action {
	header := []action.Action{
		action.SetField{Field: oxm.TunnelID(uint64(c.key))},
		action.SetField{Field: oxm.TunDst(c.addr)},
	}
	if version := c.erspan(); version != 0 {
		header = append(header, action.SetField{Field: oxm.TunERSPANVersion(version)})
	}
	return header
}

// erspan is the version of ERSPAN that the collector takes; 0 if it takes something else.
func (c *collector) erspan() uint8 {
	switch c.encap {
	case tap.EncapERSPAN1:
		return 1
	case tap.EncapERSPAN2:
		return 2
	}
	return 0
}

// erspanType is the Interface:type of ERSPAN.
const erspanType = "erspan"

// encapKey tells the encapsulations of remote collectors apart.
type encapKey struct {
	encap tap.Encap
	port  uint16
}

// remoteEncap returns the encapsulation of copies for a remote collector. GRE shares its port with
// the tunnels between hosts, and so does VXLAN on their UDP port: a switch takes no second port of
// the same kind.
func (w *world) remoteEncap(c collector) *encapsulation {
	switch {
	case c.encap == tap.EncapGRE:
		return encapGRE
	case c.encap == tap.EncapVXLAN && c.port == w.config.VXLANPort:
		return encapVXLAN
	}

	key := encapKey{c.encap, c.port}
	if w.remoteEncaps[key] == nil {
		w.remoteEncaps[key] = newRemoteEncap(key)
	}
	return w.remoteEncaps[key]
}

func newRemoteEncap(key encapKey) *encapsulation {
	e := &encapsulation{udpPort: key.port}
	switch key.encap {
	case tap.EncapVXLAN, tap.EncapGeneve:
		e.kind, e.keyWidth, e.header = string(key.encap), 24, ipv4Header+8+8
		e.port = fmt.Sprintf("tl-%s-%d", key.encap, key.port)
	case tap.EncapERSPAN1: // GRE with a sequence number, and 8 octets of its own.
		e.kind, e.keyWidth, e.header, e.port = erspanType, 10, ipv4Header+8+8, "tl-erspan"
	case tap.EncapERSPAN2: // 12 octets of its own.
		e.kind, e.keyWidth, e.header, e.port = erspanType, 10, ipv4Header+8+12, "tl-erspan"
	}

	e.owner = "tunnel-" + strings.TrimPrefix(e.port, "tl-")
	return e
}

// remotePath finds how copies get from a host to a remote collector, or why they cannot.
func (w *world) remotePath(
	h *tap.Host, datapath string, to collector,
) (*encapsulation, reason) {
	encap := w.remoteEncap(to)
	switch {
	case !h.TunnelIP.IsValid():
		return nil, because(tap.CodeTunnelIPAbsent, "host %s has no tunnel_ip", h.Name)
	case h.TunnelIP.Is4() != to.addr.Is4():
		return nil, because(tap.CodeTunnelIPFamily,
			"tunnel address %s of host %s and collector %s are of different families",
			h.TunnelIP, h.Name, to.addr)
	case datapath == "system" && to.addr.Is6() && (encap.kind == "gre" || encap.kind == erspanType):
		return nil, because(tap.CodeGREUnavailable,
			"the kernel datapath of host %s does not carry GRE and ERSPAN over IPv6", h.Name)
	}

	for i := range h.ForeignTunnels {
		t := &h.ForeignTunnels[i]
		if takesFrom(h, t, encap) {
			return nil, tunnelConflict(h, t)
		}
	}

	if encap.kind == erspanType {
		if why := w.erspanTakesGRE(h, datapath); why != (reason{}) {
			return nil, why
		}
	}
	return encap, reason{}
}

// takesFrom reports whether a tunnel port of ours, which receives from any address, would receive
// packets of a foreign one, or could not stand beside it. A foreign port with a remote address of
// its own is more specific, and keeps its packets.
func takesFrom(h *tap.Host, t *tap.ForeignTunnel, encap *encapsulation) bool {
	port, carried := guard.UDPPort(t)
	sameKind := encap.kind == t.Type && (!carried || encap.udpPort == 0 || port == encap.udpPort)
	ours := !t.LocalIP.IsValid() || t.LocalIP == h.TunnelIP
	return sameKind && ours && !t.RemoteIP.IsValid()
}

// erspanTakesGRE says why an ERSPAN port must not stand on a host; zero if it may. The userspace
// datapath gives all packets of IP protocol 47 to one port: GRE and ERSPAN cannot both be received.
func (w *world) erspanTakesGRE(h *tap.Host, datapath string) reason {
	if datapath != "netdev" && !h.Lacks(tap.LackERSPANBesideGRE, datapath) {
		return reason{}
	}

	for i := range h.ForeignTunnels {
		t := &h.ForeignTunnels[i]
		if guard.CarriesGRE(t) && t.Type != erspanType {
			return because(tap.CodeERSPANTakesGRE, "the userspace datapath of host %s gives GRE "+
				"packets to one port, and an ERSPAN port would take them from port %s on bridge %s",
				h.Name, t.Name, t.Bridge)
		}
	}

	end := w.ends[h.ID]
	if encap, _ := w.encapsulate(end, end); encap == encapGRE {
		return because(tap.CodeERSPANTakesGRE, "the userspace datapath of host %s gives GRE "+
			"packets to one port, and an ERSPAN port would take those of other hosts: set "+
			"tunnel: vxlan in the plugin's configuration", h.Name)
	}
	return reason{}
}

// untold says what is not known of the way from some places to a remote collector, or to such a
// member of a pool; zero if the switches tell all that they can know.
func (p *Planner) untold(places []place, s *tap.Service) reason {
	for _, member := range p.readyMembers(s) {
		if why := p.untold(places, member); why != (reason{}) {
			return why
		}
	}
	if s.Type != tap.ServiceRemote {
		return reason{}
	}

	for _, at := range places {
		h := p.world.hosts[at.host]
		b := h.Bridge(at.bridge)
		if b != nil && h.Lacks(tap.LackNeighbours, b.DatapathType) {
			return because(tap.CodeNeighbourUntold, "whether anybody answers at %s is not known, "+
				"since the kernel's datapath of host %s does not tell", s.Address, h.Name)
		}
	}
	return reason{}
}

// defaultMTU is taken for that of an underlay whose MTU is unknown.
const defaultMTU = 1500

// collectorLimit is the largest copy that passes from a host to a remote collector. Nothing there
// answers probes, so it follows from the MTU of the underlay's bridge.
func collectorLimit(h *tap.Host, encap *encapsulation, to netip.Addr) uint32 {
	mtu, overhead := cmp.Or(h.UnderlayMTU, defaultMTU), encap.overhead(to)
	return mtu - min(overhead, mtu)
}

// collectorCut says how copies are cut to fit the path to a remote collector.
func (p *Planner) collectorCut(at *place, to collector, options tap.Options) *tap.Cut {
	h, encap := p.world.hosts[at.host], p.world.remoteEncap(to)
	limit := collectorLimit(h, encap, to.addr)
	if !mayExceed(copySize(frameSize(at.mtu), options), limit) {
		return nil
	}

	overhead := encap.overhead(to.addr)
	cut := &tap.Cut{Size: limit, SourceMTU: at.mtu, MTU: limit + overhead}
	known := fmt.Sprintf("the underlay of host %s has MTU %d", h.Name, cut.MTU)
	if h.UnderlayMTU == 0 {
		known = fmt.Sprintf("the MTU of the underlay of host %s is unknown, %d is assumed", h.Name,
			cut.MTU)
	}
	cut.Text = fmt.Sprintf("copies of more than %d octets are cut: %s, and %s, of which %s takes "+
		"%d; the path beyond to %s cannot be measured", cut.Size, sourceWords(at), known,
		strings.ToUpper(encap.kind), overhead, to.addr)
	return cut
}

// addCollector notes that a capture sends to a remote collector; with capture "", that none does
// while nothing arrives there.
func (b *programBuilder) addCollector(capture string, l *leg) {
	to := l.to.collector
	key := peerKey{to.addr, l.encap.port}
	if b.collectors[key] == nil {
		b.collectors[key] = &tap.Collector{
			Addr: to.addr, Port: l.encap.port, ERSPAN: to.erspan(),
			KeepAliveKey: b.world.keepAliveKey(to),
		}
	}

	owners := &b.collectors[key].Owners
	if capture != "" && !slices.Contains(*owners, capture) {
		*owners = append(*owners, capture)
	}
}

// keepAliveKey is the highest key of an encapsulation that no service at the address has.
func (w *world) keepAliveKey(to collector) uint32 {
	used := map[uint32]bool{}
	for id := range w.collectorsAt[to.addr] {
		used[w.services[id].Key] = true
	}

	key := to.encap.MaxKey()
	for used[key] {
		key--
	}
	return key
}

func (b *programBuilder) sortedCollectors() (list []tap.Collector) {
	for _, c := range b.collectors {
		slices.Sort(c.Owners)
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b tap.Collector) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port))
	})
	return list
}

// addCollector adds a remote collector to the indexes.
func (w *world) addCollector(s *tap.Service) {
	if w.collectorsAt[s.Address] == nil {
		w.collectorsAt[s.Address] = map[string]bool{}
	}
	w.collectorsAt[s.Address][s.ID] = true
	if port := newCollector(s).port; port != 0 {
		w.collectorPorts[port]++
	}
}

// removeCollector is the reverse of addCollector. It does nothing for other services.
func (w *world) removeCollector(s *tap.Service) {
	if !w.collectorsAt[s.Address][s.ID] {
		return
	}

	delete(w.collectorsAt[s.Address], s.ID)
	if len(w.collectorsAt[s.Address]) == 0 {
		delete(w.collectorsAt, s.Address)
	}
	if port := newCollector(s).port; port != 0 {
		if w.collectorPorts[port]--; w.collectorPorts[port] == 0 {
			delete(w.collectorPorts, port)
		}
	}
}

// copyPorts are the UDP ports to which copies go: that of VXLAN between hosts, and those of remote
// collectors, sorted.
func (w *world) copyPorts() []uint16 {
	ports := []uint16{w.config.VXLANPort}
	for port := range w.collectorPorts {
		ports = append(ports, port)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// noteKernel notes whether a host has a bridge on the kernel's datapath.
func (w *world) noteKernel(h *tap.Host) {
	delete(w.kernels, h.ID)
	if slices.ContainsFunc(h.Bridges, func(b tap.Bridge) bool {
		return b.DatapathType == "system"
	}) {
		w.kernels.add(h.ID)
	}
}

// collectorNeeds are what hosts need to send to a remote collector: it is ready when all that feed
// it can.
func (p *Planner) collectorNeeds(s *tap.Service) (needs []tap.Need) {
	for _, t := range p.feeding(s.ID) {
		for from := range t.places {
			needs = append(needs, p.collectorNeedsAt(from.host, s)...)
		}
	}
	return sortNeeds(needs)
}

// collectorNeedsAt are those of one host, apart from what cannot run there: its tap flows say why.
func (p *Planner) collectorNeedsAt(host string, s *tap.Service) (needs []tap.Need) {
	for id, t := range p.tallies[host] {
		runs := false
		for f := range t.flows {
			_, refused := p.refused[host][f.flow.ID]
			runs = runs || f.active && !refused
		}
		if t.service == s.ID && runs && p.programs[host] != nil {
			needs = append(needs, tap.Need{Host: host, Owner: id},
				tap.Need{Host: host, Owner: p.world.remoteEncap(newCollector(s)).owner})
		}
	}
	return needs
}
