package mirror_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// model is the same world as the planner's, kept in the plainest way.
type model struct {
	hosts    map[string]tap.Host
	guests   map[string]tap.Guest
	services map[string]tap.Service
	flows    map[string]tap.Flow
	attached map[string]tap.Attachment
	// mirrors are those of the last program by host and bridge, which a switch may show.
	mirrors map[string][]string
	// calm: hosts are well and tap NICs are where they belong, so that most flows run.
	calm bool
}

func newModel() *model {
	return &model{
		hosts: map[string]tap.Host{}, guests: map[string]tap.Guest{},
		services: map[string]tap.Service{},
		flows:    map[string]tap.Flow{}, attached: map[string]tap.Attachment{},
		mirrors: map[string][]string{},
	}
}

func values[V any](m map[string]V) (all []V) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[k])
	}
	return all
}

func (m *model) snapshot() tap.Change {
	return tap.Change{
		Revision: 1, Reset: true, Hosts: values(m.hosts), Guests: values(m.guests),
		Services: values(m.services),
		Flows:    values(m.flows), Attachments: values(m.attached),
	}
}

var (
	hostIDs    = rapid.SampledFrom([]string{"h0", "h1", "h2"})
	guestIDs   = rapid.SampledFrom([]string{"g0", "g1", "g2"})
	serviceIDs = rapid.SampledFrom([]string{"s0", "s1", "s2"})
	flowIDs    = rapid.SampledFrom([]string{"f0", "f1", "f2", "f3", "f4", "f5"})
	bridgeIDs  = rapid.SampledFrom([]string{"br0", "br0", "br1", "brtap"})
	tapNames   = []string{"tap0", "tap1", "tap2", "eth9"}
	directions = rapid.SampledFrom([]tap.Direction{tap.In, tap.Out, tap.Both})
)

// seldom is true one time in n.
func seldom(t *rapid.T, n int, label string) bool {
	return rapid.IntRange(1, n).Draw(t,
		label) == n
}

func (m *model) drawHost(t *rapid.T, id string) tap.Host {
	h := tap.Host{ID: id, Name: rapid.SampledFrom([]string{"host-" + id, "renamed-" + id}).Draw(t,
		"name")}

	n := id[1] - '0' + 1
	if m.calm {
		return m.calmHost(h, n)
	}

	h.TunnelIP = rapid.SampledFrom([]netip.Addr{
		netip.AddrFrom4([4]byte{192, 0, 2, n}), netip.AddrFrom4([4]byte{192, 0, 2, n}),
		netip.AddrFrom4([4]byte{198, 51, 100, n}),
		{}, netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", n)),
	}).Draw(t, "tunnel")

	h.Wires = map[string]string{"net0": rapid.SampledFrom([]string{"br0", "br1", "br9"}).Draw(t,
		"wire")}

	if seldom(t, 4, "unseen") {
		return h
	}

	h.Observed, h.Connected = true, !seldom(t, 4, "disconnected")
	if seldom(t, 6, "refused") {
		h.Refused = "bridge brtap belongs to somebody else"
	}

	for _, name := range []string{"br0", "br1"} {
		if seldom(t, 5, "no "+name) {
			continue
		}

		b := tap.Bridge{Name: name, DatapathType: "system",
			OtherMirrors: rapid.SampledFrom([]int{0, 0, 30, 31, 32, 40}).Draw(t, "other mirrors")}

		if seldom(t, 5, "netdev") {
			b.DatapathType = "netdev"
		}
		if !seldom(t, 4, "no uplink") {
			b.Uplinks = []string{"eth-" + name}
		}
		b.Patched = seldom(t, 3, "patched")
		if rapid.Bool().Draw(t, "shows mirrors") {
			b.OurMirrors = m.mirrors[id+"/"+name]
		}

		h.Bridges = append(h.Bridges, b)
	}

	for i, name := range tapNames {
		if rapid.Bool().Draw(t, "has "+name) {
			h.TapPorts = append(h.TapPorts, tap.TapPort{
				Name: name, OFPort: rapid.SampledFrom([]uint32{0, 1, 2}).Draw(t,
					"ofport") * uint32(i+1),
				MAC: rapid.SampledFrom([]tap.MAC{nicMAC(0x900), nicMAC(0x900), nicMAC(0x901),
					{}}).Draw(t, "seen"),
				Error: rapid.SampledFrom([]string{"", "", "", "no such device"}).Draw(t, "error"),
				Down:  rapid.SampledFrom([]string{"", "", "link_state is down"}).Draw(t, "down"),
				MTU:   rapid.SampledFrom([]uint32{0, 1500}).Draw(t, "tap mtu"),
			})
		}
	}

	if seldom(t, 3, "fake bridge") {
		h.FakeBridges = []tap.FakeBridge{{Name: "br9", Parent: "br0",
			VLAN: rapid.SampledFrom([]uint16{10, 20}).Draw(t, "VLAN of br9")}}
	}

	m.drawUnderlay(t, &h)
	if rapid.Bool().Draw(t, "has eth9") {
		h.NICs = []tap.HostNIC{{
			Name: "eth9", MAC: nicMAC(0x900), UsedBy: rapid.SampledFrom([]string{"", "",
				"bond0"}).Draw(t, "used by"),
			SeenMAC: rapid.SampledFrom([]tap.MAC{{}, {}, nicMAC(0x900), nicMAC(0x901)}).Draw(t,
				"seen mac"),
		}}
	}

	return h
}

// drawUnderlay fills in what the copies' way to other hosts depends on.
func (m *model) drawUnderlay(t *rapid.T, h *tap.Host) {
	datapaths := rapid.SampledFrom([]string{"", "system", "netdev"})
	h.TapDatapath, h.UnderlayDatapath = datapaths.Draw(t, "tap datapath"),
		datapaths.Draw(t, "underlay datapath")

	h.UserspaceTSO = seldom(t, 5, "userspace TSO")
	if seldom(t, 3, "lacks") {
		h.Lacking = []tap.Lack{{Code: tap.LackSingleCopy}}
	}
	h.NoGRE = rapid.SampledFrom([]string{"", "", "", "not supported"}).Draw(t, "no GRE")
	for _, o := range []tap.ForeignTunnel{
		{Name: "gre0", Bridge: "br1", Type: "gre", LocalIP: netip.MustParseAddr("203.0.113.1")},
		{Name: "vx0", Bridge: "br1", Type: "vxlan", DstPort: 24789},
	} {
		if seldom(t, 5, o.Name) {
			h.ForeignTunnels = append(h.ForeignTunnels, o)
		}
	}

	for n := range byte(3) {
		if seldom(t, 3, "narrow path") {
			h.Paths = append(h.Paths, tap.Path{Addr: netip.AddrFrom4([4]byte{192, 0, 2, n}),
				Frame: 1400})
		}
	}
}

// calmHost fills in a host on which everything can run.
func (m *model) calmHost(h tap.Host, n byte) tap.Host {
	h.Observed, h.Connected, h.TunnelIP = true, true, netip.AddrFrom4([4]byte{192, 0, 2, n})
	h.Wires = map[string]string{"net0": "br0"}
	for _, name := range []string{"br0", "br1"} {
		h.Bridges = append(h.Bridges, tap.Bridge{Name: name, DatapathType: "system",
			Uplinks: []string{"eth-" + name}, OurMirrors: m.mirrors[h.ID+"/"+name]})
	}

	for i, name := range tapNames {
		h.TapPorts = append(h.TapPorts, tap.TapPort{Name: name, OFPort: uint32(i + 1),
			MAC: nicMAC(0x900)})
	}

	h.NICs = []tap.HostNIC{{Name: "eth9", MAC: nicMAC(0x900)}}
	return h
}

func drawLocations(t *rapid.T, port string) (all []tap.Location) {
	for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(t, "places") {
		all = append(all, tap.Location{
			Host: hostIDs.Draw(t, "at"), Bridge: bridgeIDs.Draw(t, "on"), Port: port,
			OFPort: uint32(rapid.IntRange(0, 2).Draw(t, "ofport")),
			MTU:    rapid.SampledFrom([]uint32{0, 1500, 9000}).Draw(t, "mtu"),
			Down:   rapid.SampledFrom([]string{"", "", "link_state is down"}).Draw(t, "down"),
		})
	}
	return all
}

func drawGuest(t *rapid.T, id string) tap.Guest {
	g := tap.Guest{ID: id, Name: rapid.SampledFrom([]string{"vm-" + id, "renamed-" + id}).Draw(t,
		"name")}

	for i := range rapid.IntRange(0, 2).Draw(t, "nics") {
		g.NICs = append(g.NICs, tap.NIC{
			MAC: nicMAC(int(id[1]-'0')*2 + i + 1), Locations: drawLocations(t,
				fmt.Sprintf("vnet-%s-%d", id, i)),
			Disputed: rapid.SampledFrom([]string{"", "", "", "two ports have this name"}).Draw(t,
				"disputed"),
		})
	}

	return g
}

// collectorAddr is where remote collectors are.
var collectorAddr = netip.MustParseAddr("192.0.2.99")

func drawService(t *rapid.T, id string) tap.Service {
	s := tap.Service{
		ID: id, Name: "collector-" + id, Enabled: !seldom(t, 4, "disabled"),
		Key:    rapid.SampledFrom([]uint32{1, 2}).Draw(t, "key")*16 + uint32(id[1]-'0'),
		IfName: "tap" + id[1:], MAC: nicMAC(0x100 + int(id[1])),
		Type: tap.ServiceGuest, TargetID: guestIDs.Draw(t, "target"),
		RateLimit: rapid.SampledFrom([]tap.RateLimit{{}, {}, {Packets: 9}, {Packets: 8}}).Draw(t,
			"rate"),
		Dedup: rapid.Bool().Draw(t, "dedup"),
	}

	if seldom(t, 3, "on a host") {
		s.Type, s.TargetID, s.MAC = tap.ServiceHost, hostIDs.Draw(t, "target"), nicMAC(0x900)
	}

	switch {
	case id == "s2" && rapid.Bool().Draw(t, "pool"):
		members := rapid.SampledFrom([][]string{{"s0"}, {"s1"}, {"s0", "s1"}}).Draw(t, "members")
		return tap.Service{ID: id, Name: s.Name, Type: tap.ServicePool, Enabled: s.Enabled,
			Members: members, RateLimit: s.RateLimit}
	case seldom(t, 3, "remote"):
		return tap.Service{ID: id, Name: s.Name, Type: tap.ServiceRemote, Enabled: s.Enabled,
			Key: s.Key, Address: collectorAddr, RateLimit: s.RateLimit,
			Encap: rapid.SampledFrom(tap.Encaps).Draw(t, "encap"),
			Port:  rapid.SampledFrom([]uint16{0, 4790}).Draw(t, "port")}
	}
	return s
}

func drawFlow(t *rapid.T, id string) tap.Flow {
	f := tap.Flow{
		ID: id, Name: "flow-" + id, TapID: serviceIDs.Draw(t, "service"),
		Direction: directions.Draw(t, "direction"),
		Enabled:   !seldom(t, 5, "disabled"), Created: epoch.Add(time.Duration(rapid.IntRange(0,
			3).Draw(t, "created")) * time.Hour),
		Options: rapid.SampledFrom([]tap.Options{{}, {}, {Filter: "udp port 53"}, {Filter: "udp"},
			{Sample: 1}, {Sample: 4, Snaplen: 64}, {Tag: 7}}).Draw(t, "options"),
	}

	if rapid.Bool().Draw(t, "vswitch") {
		f.Type, f.HostID = tap.FlowVSwitch, hostIDs.Draw(t, "host")
		f.WireID = rapid.SampledFrom([]string{"net0", "br0", "br1"}).Draw(t, "wire")
		f.VLAN = rapid.SampledFrom([]uint16{0, 10, 20}).Draw(t, "vlan")
		return f
	}

	f.Type, f.GuestID = tap.FlowVNIC, guestIDs.Draw(t, "guest")
	f.MAC = nicMAC(int(f.GuestID[1]-'0')*2 + rapid.IntRange(1, 2).Draw(t, "nic"))
	return f
}

// drawChange changes some objects, each at most once, in the model and in the returned change.
func (m *model) drawChange(t *rapid.T) (c tap.Change) {
	done := map[string]bool{}
	for range rapid.IntRange(1, 5).Draw(t, "objects") {
		kind := rapid.IntRange(0, 4).Draw(t, "kind")
		gone := seldom(t, 4, "gone")
		id := [...]*rapid.Generator[string]{hostIDs, guestIDs, serviceIDs, flowIDs,
			serviceIDs}[kind].Draw(t, "id")
		// An attachment and the end of its service do not come in one change.
		if key := fmt.Sprint(min(kind, 3)%4, kind == 4, id); done[key] || kind == 4 &&
			m.services[id].ID == "" {
			continue
		} else {
			done[key] = true
		}

		switch {
		case kind == 0 && gone:
			delete(m.hosts, id)
			c.Gone.Hosts = append(c.Gone.Hosts, id)
		case kind == 0:
			m.hosts[id] = m.drawHost(t, id)
			c.Hosts = append(c.Hosts, m.hosts[id])
		case kind == 1 && gone:
			delete(m.guests, id)
			c.Gone.Guests = append(c.Gone.Guests, id)
		case kind == 1:
			m.guests[id] = drawGuest(t, id)
			c.Guests = append(c.Guests, m.guests[id])
		case kind == 2 && gone:
			delete(m.services, id)
			delete(m.attached, id)
			c.Gone.Services = append(c.Gone.Services, id)
			c.Attachments = slices.DeleteFunc(c.Attachments,
				func(a tap.Attachment) bool { return a.ServiceID == id })
		case kind == 2:
			m.services[id] = drawService(t, id)
			c.Services = append(c.Services, m.services[id])
		case kind == 3 && gone:
			delete(m.flows, id)
			c.Gone.Flows = append(c.Gone.Flows, id)
		case kind == 3:
			m.flows[id] = drawFlow(t, id)
			c.Flows = append(c.Flows, m.flows[id])
		default:
			a := tap.Attachment{ServiceID: id, Locations: drawLocations(t, "tap"+id[1:])}
			if seldom(t, 4, "claimed") {
				a.Claims = drawLocations(t, "claim")
			}

			m.attached[id] = a
			for i := range m.attached[id].Locations {
				if m.calm {
					m.attached[id].Locations[i].Bridge = "brtap"
				}
			}

			c.Attachments = append(c.Attachments, m.attached[id])
		}
	}

	return c
}

// populate fills the model with one object of each id.
func (m *model) populate(t *rapid.T) {
	for i := range 3 {
		host, guest, service := fmt.Sprint("h", i), fmt.Sprint("g", i), fmt.Sprint("s", i)
		m.hosts[host] = m.drawHost(t, host)
		m.guests[guest] = drawGuest(t, guest)
		m.services[service] = drawService(t, service)
		m.attached[service] = tap.Attachment{ServiceID: service, Locations: []tap.Location{
			{Host: hostIDs.Draw(t, "at"), Bridge: "brtap", Port: fmt.Sprint("tap", i),
				OFPort: uint32(i + 1)}}}
	}
	for i := range 6 {
		flow := fmt.Sprint("f", i)
		m.flows[flow] = drawFlow(t, flow)
	}
}

func shuffled(t *rapid.T, c tap.Change) tap.Change {
	c.Hosts = rapid.Permutation(c.Hosts).Draw(t, "hosts")
	c.Guests = rapid.Permutation(c.Guests).Draw(t, "guests")
	c.Services = rapid.Permutation(c.Services).Draw(t, "services")
	c.Flows = rapid.Permutation(c.Flows).Draw(t, "flows")
	c.Attachments = rapid.Permutation(c.Attachments).Draw(t, "attachments")
	return c
}

// told is what a controller has been told so far.
type told struct {
	programs map[string]tap.Program
	statuses map[string]tap.Status
}

func newTold() told { return told{map[string]tap.Program{}, map[string]tap.Status{}} }

func (o told) take(r tap.Result) {
	for _, p := range r.Programs {
		o.programs[p.Host] = p
	}
	for _, s := range r.Statuses {
		o.statuses[string(s.Kind)+" "+s.ID] = s
	}
}

// forget drops what belongs to objects that are gone, and to hosts for which there is no program
// now.
func (o told) forget(m *model) {
	maps.DeleteFunc(o.programs, func(id string, _ tap.Program) bool {
		h, known := m.hosts[id]
		return !known || !h.Observed || h.Refused != ""
	})
	maps.DeleteFunc(o.statuses, func(_ string, s tap.Status) bool {
		_, service := m.services[s.ID]
		_, flow := m.flows[s.ID]
		return !service && !flow
	})
}

var opaque = cmp.Options{
	cmp.Comparer(func(a, b openflow.FlowMod) bool { return a.String() == b.String() }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

// TestIncrementalEqualsFull: after every change, what was told so far equals what a computation of
// everything tells at once; the order within a change does not matter; and a change that says
// nothing new has no result.
func TestIncrementalEqualsFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, p, q := newModel(), mirror.New(), mirror.New()
		sofar := newTold()
		if m.calm = rapid.Bool().Draw(t, "calm"); m.calm {
			m.populate(t)
			sofar.take(p.Apply(m.snapshot()))
			q.Apply(m.snapshot())
		}

		for revision := uint64(1); revision <= uint64(rapid.IntRange(3, 20).Draw(t,
			"changes")); revision++ {
			c := m.drawChange(t)
			c.Revision = revision
			result := p.Apply(c)
			sofar.take(result)
			sofar.forget(m)

			if diff := cmp.Diff(result, q.Apply(shuffled(t, c)), opaque); diff != "" {
				t.Fatalf("revision %d: the order of objects matters (-given +shuffled):\n%s",
					revision, diff)
			}
			if again := p.Apply(c); len(again.Programs)+len(again.Statuses) > 0 {
				t.Fatalf("revision %d: applied twice, it tells\n%s", revision, render(again))
			}

			full := newTold()
			full.take(mirror.Full(mirror.DefaultConfig(), m.snapshot()))
			if diff := cmp.Diff(full.programs, sofar.programs, opaque); diff != "" {
				t.Fatalf("revision %d: programs (-full +incremental):\n%s", revision, diff)
			}
			if diff := cmp.Diff(full.statuses, sofar.statuses); diff != "" {
				t.Fatalf("revision %d: statuses (-full +incremental):\n%s", revision, diff)
			}

			for _, status := range full.statuses {
				if explained := status.Code != ""; explained != (status.Reason != "") {
					t.Fatalf("revision %d: a reason and its code go together: %+v", revision,
						status)
				}
			}

			for _, program := range full.programs {
				for _, o := range []string{"br0", "br1"} {
					m.mirrors[program.Host+"/"+o] = nil
				}
				for _, o := range program.Mirrors {
					at := program.Host + "/" + o.Bridge
					m.mirrors[at] = append(m.mirrors[at], o.Name)
				}
			}
		}
	})
}
