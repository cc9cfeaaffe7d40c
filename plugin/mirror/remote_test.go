package mirror_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// remoteTap adds an enabled remote collector.
func (s *scene) remoteTap(id, address string, encap tap.Encap, key uint32) *tap.Service {
	s.Services = append(s.Services, tap.Service{
		ID: id, Name: "collector-" + id, Type: tap.ServiceRemote, Enabled: true,
		Address: netip.MustParseAddr(address), Encap: encap, Key: key,
	})
	return &s.Services[len(s.Services)-1]
}

// poolTap adds an enabled pool.
func (s *scene) poolTap(id string, members ...string) *tap.Service {
	s.Services = append(s.Services, tap.Service{
		ID: id, Name: "pool-" + id, Type: tap.ServicePool, Enabled: true, Members: members,
	})
	return &s.Services[len(s.Services)-1]
}

func netdev(h *tap.Host) {
	for i := range h.Bridges {
		h.Bridges[i].DatapathType = "netdev"
	}
}

// toRemote is a scene of one host whose guest g1 is mirrored to a remote collector.
func toRemote(t *testing.T, address string, encap tap.Encap, key uint32,
	adjust ...func(*tap.Host)) *scene {
	s := newScene(t)
	s.host("a", adjust...)
	s.guest("g1", 1, on("a", "br0", "vnet1"))
	s.remoteTap("r1", address, encap, key)
	s.vnic("f1", "r1", "g1", 1, tap.Both)
	return s
}

// TestRemoteCollectors holds the programs for remote collectors against golden files.
func TestRemoteCollectors(t *testing.T) {
	vxlan := mirror.DefaultConfig()
	vxlan.Tunnel = mirror.TunnelVXLAN
	flowBased := func(kind string) func(*tap.Host) {
		return func(h *tap.Host) {
			h.ForeignTunnels = append(h.ForeignTunnels, tap.ForeignTunnel{
				Name: "ov0", Bridge: "br-int", Type: kind, Key: "flow",
			})
		}
	}
	to := func(h *tap.Host) { h.ForeignTunnels[0].RemoteIP = netip.MustParseAddr("198.51.100.9") }
	jumbo := func(h *tap.Host) { h.UnderlayMTU = 9000 }
	six := tunnel("2001:db8::1")

	for _, test := range []struct {
		name   string
		config mirror.Config
		scene  func(*testing.T) *scene
	}{
		{"gre", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapGRE, 42)
		}},
		{"vxlan", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1<<24-1)
		}},
		{"vxlan-our-port", vxlan, func(t *testing.T) *scene {
			s := toRemote(t, "198.51.100.7", tap.EncapVXLAN, 5)
			s.service("r1").Port = vxlan.VXLANPort
			return s
		}},
		{"geneve-ipv6", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "2001:db8::7", tap.EncapGeneve, 5, six)
		}},
		{"erspan1", vxlan, func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapERSPAN1, 0, netdev)
		}},
		{"erspan2", vxlan, func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapERSPAN2, 1023, netdev)
		}},
		{"erspan-takes-gre", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapERSPAN1, 1, netdev)
		}},
		{"erspan-takes-operators-gre", vxlan, func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapERSPAN1, 1, netdev, flowBased("gre"), to)
		}},
		{"foreign-geneve-flow-based", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapGeneve, 1, flowBased("geneve"))
		}},
		{"foreign-geneve-to-a-peer", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapGeneve, 1, flowBased("geneve"), to)
		}},
		{"families-differ", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "2001:db8::7", tap.EncapVXLAN, 1)
		}},
		{"kernel-gre-ipv6", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "2001:db8::7", tap.EncapGRE, 1, six)
		}},
		{"jumbo-underlay", mirror.DefaultConfig(), func(t *testing.T) *scene {
			return toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1, jumbo)
		}},
		{"guard-of-a-vswitch", mirror.DefaultConfig(), func(t *testing.T) *scene {
			s := toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1)
			s.host("b")
			s.service("r1").Port = 4790
			s.vswitch("f2", "r1", "a", "net0", 0, tap.Both)
			return s
		}},
		{"disabled", mirror.DefaultConfig(), func(t *testing.T) *scene {
			s := toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1)
			s.service("r1").Enabled = false
			return s
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := mirror.Full(test.config, test.scene(t).Change)
			golden(t, "collector-"+test.name, render(result))
		})
	}
}

// spreadOver is a scene of two hosts whose guests feed a pool of three members: the tap NICs of t1
// on host a and t2 on host b, and a remote collector.
func spreadOver(t *testing.T, adjust ...func(*tap.Host)) *scene {
	s := newScene(t)
	s.host("a", adjust...)
	s.host("b", adjust...)
	s.guest("g1", 1, on("a", "br0", "vnet1"))
	s.guest("g2", 2, on("b", "br0", "vnet2"))
	s.guestTap("t1", on("a", "brtap", "tapt1"))
	s.guestTap("t2", on("b", "brtap", "tapt2"))
	s.remoteTap("t3", "198.51.100.7", tap.EncapVXLAN, 9)
	s.poolTap("p1", "t1", "t2", "t3")
	s.vnic("f1", "p1", "g1", 1, tap.Both)
	s.vnic("f2", "p1", "g2", 2, tap.Both)
	return s
}

// TestPools holds the programs for pools against golden files.
func TestPools(t *testing.T) {
	for _, test := range []struct {
		name  string
		scene func(*testing.T) *scene
	}{
		{"group", func(t *testing.T) *scene { return spreadOver(t, netdev) }},
		{"multipath", func(t *testing.T) *scene { return spreadOver(t) }},
		{"options", func(t *testing.T) *scene {
			s := spreadOver(t, netdev)
			s.Flows[0].Options = tap.Options{Filter: "tcp", Sample: 8, Snaplen: 128, Tag: 7}
			s.service("p1").RateLimit = tap.RateLimit{Packets: 1000}
			return s
		}},
		{"member-disabled", func(t *testing.T) *scene {
			s := spreadOver(t, netdev)
			s.service("t2").Enabled = false
			return s
		}},
		{"members-lost", func(t *testing.T) *scene {
			s := spreadOver(t, netdev)
			s.at("b").Paths = []tap.Path{
				{Addr: s.at("a").TunnelIP, Cut: true},
				{Addr: netip.MustParseAddr("198.51.100.7"), Cut: true},
			}
			return s
		}},
		{"empty", func(t *testing.T) *scene {
			s := spreadOver(t, netdev)
			for _, id := range []string{"t1", "t2", "t3"} {
				s.service(id).Enabled = false
			}
			return s
		}},
		{"of-the-source", func(t *testing.T) *scene {
			s := spreadOver(t, netdev)
			s.service("t1").TargetID = "g1"
			return s
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := mirror.DefaultConfig()
			golden(t, "pool-"+test.name, render(mirror.Full(config, test.scene(t).Change)))
		})
	}
}

// slotsOf returns the mark of the member that each slot of the pool in a host's program has.
func slotsOf(t *testing.T, r tap.Result, host string) (slots [64]uint64) {
	t.Helper()
	for i := range r.Programs {
		if p := &r.Programs[i]; p.Host == host {
			require.Len(t, p.Groups, 1)
			require.Equal(t, openflow.GroupTypeSelect, p.Groups[0].Mod.Group)
			require.Len(t, p.Groups[0].Mod.Buckets, len(slots))
			for slot, bucket := range p.Groups[0].Mod.Buckets {
				require.Equal(t, uint16(1), bucket.Weight)
				set, is := bucket.Actions[0].(action.SetField)
				require.True(t, is && set.Field.ID() == oxm.FieldReg4)
				slots[slot] = set.Field.Uint64()
			}
			return slots
		}
	}
	t.Fatalf("no program of host %s", host)
	return slots
}

// TestSlotsMoveOnlyWithTheirMember: all hosts give each slot to the same member; a lost member
// leaves its own slots alone, and gets the same ones back.
func TestSlotsMoveOnlyWithTheirMember(t *testing.T) {
	s := spreadOver(t, netdev)
	full := mirror.Full(mirror.DefaultConfig(), s.Change)
	before := slotsOf(t, full, "a")
	require.Equal(t, before, slotsOf(t, full, "b"), "hosts agree")

	counts := map[uint64]int{}
	for _, owner := range before {
		counts[owner]++
	}
	require.Len(t, counts, 3)
	for owner, n := range counts {
		assert.Greater(t, n, 8, "member %#x has too few of 64 slots", owner)
	}

	for _, lost := range []string{"t1", "t2", "t3"} {
		s.service(lost).Enabled = false
		after := slotsOf(t, mirror.Full(mirror.DefaultConfig(), s.Change), "a")
		gone := map[uint64]bool{}
		for _, owner := range after {
			gone[owner] = true
		}
		require.Len(t, gone, 2)

		moved := 0
		for slot := range before {
			if gone[before[slot]] {
				assert.Equal(t, before[slot], after[slot], "slot %d", slot)
			} else {
				moved++
			}
		}
		assert.Positive(t, moved)
		s.service(lost).Enabled = true
	}
	require.Equal(t, before, slotsOf(t, mirror.Full(mirror.DefaultConfig(), s.Change), "a"))
}

// TestCheckCollectors: what no switch can carry out is refused, by the field that is at fault.
func TestCheckCollectors(t *testing.T) {
	s := spreadOver(t)
	planner := mirror.New()
	planner.Apply(s.Change)

	box := func(change func(*tap.Service)) tap.Service {
		o := tap.Service{ID: "new", Name: "new", Type: tap.ServiceRemote, Encap: tap.EncapVXLAN,
			Address: netip.MustParseAddr("198.51.100.8"), Key: 1}
		change(&o)
		return o
	}
	pool := func(members ...string) tap.Service {
		return tap.Service{ID: "new", Name: "new", Type: tap.ServicePool, Members: members}
	}
	address := func(text string) func(*tap.Service) {
		return func(o *tap.Service) { o.Address = netip.MustParseAddr(text) }
	}

	for name, good := range map[string]tap.Service{
		"vxlan":          box(func(*tap.Service) {}),
		"highest VNI":    box(func(o *tap.Service) { o.Key = 1<<24 - 1 }),
		"other key":      box(func(o *tap.Service) { address("198.51.100.7")(o); o.Key = 10 }),
		"erspan session": box(func(o *tap.Service) { o.Encap, o.Key = tap.EncapERSPAN2, 1023 }),
		"gre key":        box(func(o *tap.Service) { o.Encap, o.Key = tap.EncapGRE, 1<<32-1 }),
		"pool":           pool("t1", "t2"),
	} {
		_, err := planner.Check(t.Context(), 1, tap.Resource{Service: &good})
		assert.NoError(t, err, name)
	}

	for name, bad := range map[string]struct {
		service  tap.Service
		field    string
		conflict bool
	}{
		"no address": {box(func(o *tap.Service) {
			o.Address = netip.Addr{}
		}), "address", false},
		"multicast":      {box(address("224.0.0.9")), "address", false},
		"loopback":       {box(address("127.0.0.1")), "address", false},
		"link-local":     {box(address("fe80::1")), "address", false},
		"a host of ours": {box(address("192.0.2.1")), "address", true},
		"no encap":       {box(func(o *tap.Service) { o.Encap = "" }), "encap", false},
		"VNI":            {box(func(o *tap.Service) { o.Key = 1 << 24 }), "key", false},
		"erspan session": {box(func(o *tap.Service) {
			o.Encap, o.Key = tap.EncapERSPAN1, 1024
		}), "key", false},
		"port of GRE": {box(func(o *tap.Service) {
			o.Encap, o.Port = tap.EncapGRE, 4789
		}), "port", false},
		"same as another": {box(func(o *tap.Service) {
			address("198.51.100.7")(o)
			o.Key, o.Port = 9, 4789
		}), "key", true},
		"target":      {box(func(o *tap.Service) { o.TargetID = "g1" }), "target_id", false},
		"no members":  {pool(), "members", false},
		"twice":       {pool("t1", "t1"), "members", false},
		"unknown":     {pool("t1", "t9"), "members", false},
		"pool":        {pool("t1", "p1"), "members", false},
		"pool itself": {pool("new"), "members", false},
	} {
		_, err := planner.Check(t.Context(), 1, tap.Resource{Service: &bad.service})
		var rejected *tap.Rejection
		require.ErrorAs(t, err, &rejected, name)
		assert.Equal(t, bad.field, rejected.Field, name)
		assert.Equal(t, bad.conflict, rejected.Conflict, name)
	}
}

// TestNeighbourUntold: a tap flow says so where the switch does not tell whether anybody answers at
// the remote collector, also as a member of a pool.
func TestNeighbourUntold(t *testing.T) {
	silent := func(h *tap.Host) {
		h.Lacking = []tap.Lack{{Code: tap.LackNeighbours, Datapath: "system"}}
	}
	for name, test := range map[string]struct {
		scene *scene
		want  tap.Code
	}{
		"kernel": {toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1, silent),
			tap.CodeNeighbourUntold},
		"userspace": {toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1, silent, netdev), ""},
		"pool": {func() *scene {
			s := toRemote(t, "198.51.100.7", tap.EncapVXLAN, 1, silent)
			s.poolTap("p1", "r1")
			s.Flows[0].TapID = "p1"
			return s
		}(), tap.CodeNeighbourUntold},
	} {
		t.Run(name, func(t *testing.T) {
			result := mirror.New().Apply(test.scene.Change)
			at := slices.IndexFunc(result.Statuses,
				func(s tap.Status) bool { return s.Kind == tap.KindFlow })
			require.GreaterOrEqual(t, at, 0)
			status := result.Statuses[at]
			assert.Equal(t, tap.StateProgrammed, status.State, status.Reason)
			assert.Equal(t, test.want, status.Code)
			assert.Equal(t, test.want != "", strings.Contains(status.Reason, "198.51.100.7"))
		})
	}
}
