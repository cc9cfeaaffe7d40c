package contract_test

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/contract"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/plugintest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func mac(n byte) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, 0, n} }

// told is what a plugin is told: guest g1 of host h1 is mirrored to service s1, whose NIC is on
// host h2, and guest g3 of h1 and VLANs of net0 to s2, whose NIC is on h1. Guest g2 is not
// mirrored.
func told() tap.Change {
	host := func(id string, n byte) tap.Host {
		return tap.Host{
			ID: "h" + id, Name: "host-" + id, TunnelIP: netip.AddrFrom4([4]byte{192, 0, 2, n}),
			Wires: map[string]string{"net0": "br0"}, Observed: true, Connected: true,
			Bridges: []tap.Bridge{{Name: "br0", DatapathType: "netdev", Uplinks: []string{"eth0"}}},
		}
	}

	guest := func(id string, n byte) tap.Guest {
		return tap.Guest{ID: id, Name: "vm-" + id, NICs: []tap.NIC{{MAC: mac(n),
			Locations: []tap.Location{{Host: "h1", Bridge: "br0", Port: "vnet" + id[1:],
				OFPort: uint32(n)}}}}}
	}

	service := func(id string, key uint32, enabled bool) tap.Service {
		return tap.Service{ID: id, Name: id, Type: tap.ServiceGuest, TargetID: "ids",
			MAC: mac(byte(0x30 + key)), IfName: "tap" + id[1:], Enabled: enabled, Key: key}
	}

	at := func(service, host string) tap.Attachment {
		return tap.Attachment{ServiceID: service, Locations: []tap.Location{{Host: host,
			Bridge: "brtap", Port: "tap" + service[1:], OFPort: 5}}}
	}

	flow := func(f tap.Flow) tap.Flow {
		f.Name, f.Enabled, f.Created = f.ID, true, time.Unix(1, 0)
		return f
	}

	h1, h2 := host("1", 1), host("2", 2)
	h1.TapPorts = []tap.TapPort{{Name: "tap2", OFPort: 5, MAC: mac(0x32)}}
	h2.TapPorts = []tap.TapPort{{Name: "tap1", OFPort: 5, MAC: mac(0x31)}}
	vlan := tap.Flow{TapID: "s2", Type: tap.FlowVSwitch, HostID: "h1", WireID: "net0"}
	all, in := vlan, vlan
	all.ID, all.VLAN, all.Direction = "f3", 30, tap.Both
	in.ID, in.VLAN, in.Direction = "f4", 40, tap.In

	h1.FakeBridges = []tap.FakeBridge{{Name: "br50", Parent: "br0", VLAN: 50}}
	fake := vlan
	fake.ID, fake.WireID, fake.Direction = "f5", "br50", tap.Both
	return tap.Change{
		Revision: 1, Reset: true, Secret: bytes.Repeat([]byte{1}, 32),
		Hosts:       []tap.Host{h1, h2, host("3", 3)},
		Guests:      []tap.Guest{guest("g1", 1), guest("g2", 2), guest("g3", 3)},
		Attachments: []tap.Attachment{at("s1", "h2"), at("s2", "h1")},
		Services:    []tap.Service{service("s1", 1, true), service("s2", 2, true)},
		Flows: []tap.Flow{
			flow(tap.Flow{ID: "f1", TapID: "s1", Type: tap.FlowVNIC, GuestID: "g1", MAC: mac(1),
				Direction: tap.Both}),
			flow(tap.Flow{ID: "f2", TapID: "s2", Type: tap.FlowVNIC, GuestID: "g3", MAC: mac(3),
				Direction: tap.Out}),
			flow(all), flow(in), flow(fake),
		},
	}
}

// programs are those that a plugin makes of a change, by host.
func programs(t *testing.T, m plugin.Mirror, c tap.Change) map[string]*tap.Program {
	t.Helper()
	require.NoError(t, m.Configure(t.Context(), nil))
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	changes := make(chan tap.Change, 1)
	changes <- c
	all := map[string]*tap.Program{}
	_ = m.Run(ctx, changes, func(r tap.Result) error { // It ends as it is told.
		for i := range r.Programs {
			all[r.Programs[i].Host] = &r.Programs[i]
		}
		if r.Revision >= c.Revision {
			stop()
		}
		return nil
	})

	require.NotEmpty(t, all)
	return all
}

// verdict is what the controller says of a program: by its form and, if that is good, by what the
// plugin was told.
func verdict(c tap.Change, p *tap.Program) error {
	if _, err := reconcile.NewDesired(p, "brtap"); err != nil {
		return err
	}
	w := contract.NewWorld()
	w.Tell(&c)
	return w.Check(p)
}

// TestGoodPlugin: what the plugin plans follows from what it is told.
func TestGoodPlugin(t *testing.T) {
	c := told()
	all := programs(t, mirror.New(), c)
	require.Len(t, all, 3)
	assert.Len(t, all["h1"].Mirrors, 4)
	for host, p := range all {
		assert.NoError(t, verdict(c, p), host)
	}
}

// TestBadPlugins: whatever a plugin does beyond that is refused, and the reason says what it is.
func TestBadPlugins(t *testing.T) {
	c := told()
	for _, bad := range plugintest.BadPlugins() {
		t.Run(bad.Name, func(t *testing.T) {
			all := programs(t, plugintest.Spoiled(mirror.New(), bad), c)
			err := verdict(c, all["h1"])
			require.Error(t, err)
			t.Log(err)
			assert.NoError(t, verdict(c, all["h3"]), "other programs are good")
		})
	}
}

// TestWithdrawn: a program that was good is refused once what it follows from is gone.
func TestWithdrawn(t *testing.T) {
	c := told()
	all := programs(t, mirror.New(), c)
	flow := func(i int, change func(*tap.Flow)) tap.Change {
		f := c.Flows[i]
		change(&f)
		return tap.Change{Flows: []tap.Flow{f}}
	}

	disabled := c.Services[0]
	disabled.Enabled = false
	moved := slices.Clone(c.Guests)[:1]
	moved[0].NICs = []tap.NIC{{MAC: mac(1), Locations: []tap.Location{{Host: "h3", Bridge: "br0",
		Port: "vnet1"}}}}

	for _, tc := range []struct {
		name   string
		change tap.Change
		host   string // of the program that is refused
		why    string
	}{
		{"the tap flow is disabled", flow(0, func(f *tap.Flow) { f.Enabled = false }), "h1",
			"port vnet1 of bridge br0"},
		{"it is deleted", tap.Change{Gone: tap.Gone{Flows: []string{"f1"}}}, "h1", "vnet1"},
		{"it has another direction", flow(0, func(f *tap.Flow) { f.Direction = tap.In }), "h1",
			"enters by port vnet1"},
		{"it feeds another service", flow(0, func(f *tap.Flow) { f.TapID = "s2" }), "h1",
			"no tap service of what it mirrors"},
		{"it names another NIC", flow(0, func(f *tap.Flow) { f.MAC = mac(9) }), "h1", "vnet1"},
		{"another VLAN", flow(2, func(f *tap.Flow) { f.VLAN = 31 }), "h1", "VLAN 30"},
		{"another direction in a VLAN", flow(3, func(f *tap.Flow) { f.Direction = tap.Out }), "h1",
			"port eth0 on VLAN 40"},
		{"the guest has moved", tap.Change{Guests: moved}, "h1", "vnet1"},
		{"the guest is gone", tap.Change{Gone: tap.Gone{Guests: []string{"g1"}}}, "h1", "vnet1"},
		{"the service is disabled", tap.Change{Services: []tap.Service{disabled}}, "h2",
			"no host of ours sends"},
		{"and where it is fed", tap.Change{Services: []tap.Service{disabled}}, "h1",
			"no tap service of what it mirrors"},
		{"the service is gone", tap.Change{Gone: tap.Gone{Services: []string{"s1"}}}, "h2",
			"NIC tap1"},
		{"the tap NIC has moved", tap.Change{Attachments: []tap.Attachment{{ServiceID: "s1",
			Locations: []tap.Location{{Host: "h3", Bridge: "br0", Port: "tap1"}}}}}, "h2",
			"NIC tap1"},
		{"the far host is gone", tap.Change{Gone: tap.Gone{Hosts: []string{"h2"}}}, "h1",
			"192.0.2.2"},
		{"the host is gone", tap.Change{Gone: tap.Gone{Hosts: []string{"h1"}}}, "h1",
			"no such host"},
		{"everything is told anew", tap.Change{Reset: true, Hosts: c.Hosts}, "h1", "NIC tap2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := contract.NewWorld()
			w.Tell(&c)
			require.NoError(t, w.Check(all[tc.host]))
			w.Tell(&tc.change)
			assert.ErrorContains(t, w.Check(all[tc.host]), tc.why)
		})
	}
}

// TestRemoteCollectors: copies leave for the address of a collector that an enabled tap flow feeds,
// by its encapsulation and with its key, and for members of a pool; for nothing else.
func TestRemoteCollectors(t *testing.T) {
	const address, other = "198.51.100.7", "198.51.100.8"
	collector := func(id, at string, encap tap.Encap, key uint32) tap.Service {
		return tap.Service{ID: id, Name: id, Type: tap.ServiceRemote, Enabled: true, Encap: encap,
			Key: key, Address: netip.MustParseAddr(at)}
	}
	world := func(encap tap.Encap) tap.Change {
		c := told()
		c.Services = append(c.Services, collector("r1", address, encap, 9),
			tap.Service{ID: "p1", Name: "p1", Type: tap.ServicePool, Enabled: true,
				Members: []string{"r1", "s2"}})
		c.Flows = c.Flows[:1]
		c.Flows[0].TapID = "r1"
		return c
	}
	config := mirror.DefaultConfig()
	config.Tunnel = mirror.TunnelVXLAN
	programOf := func(c tap.Change) *tap.Program {
		r := mirror.Full(config, c)
		i := slices.IndexFunc(r.Programs, func(p tap.Program) bool { return p.Host == "h1" })
		require.GreaterOrEqual(t, i, 0)
		require.NotEmpty(t, r.Programs[i].Mirrors, "nothing is mirrored: the test is void")
		return &r.Programs[i]
	}
	judge := func(knows tap.Change, p *tap.Program) error {
		w := contract.NewWorld()
		w.Tell(&knows)
		return w.Check(p)
	}

	for _, encap := range tap.Encaps {
		good := world(encap)
		program := programOf(good)
		require.NoError(t, judge(good, program), encap)

		toPool := world(encap)
		toPool.Flows[0].TapID = "p1"
		require.NoError(t, judge(toPool, programOf(toPool)), encap)

		for what, knows := range map[string]func(*tap.Service){
			"another address": func(s *tap.Service) { s.Address = netip.MustParseAddr(other) },
			"another key":     func(s *tap.Service) { s.Key = 10 },
			"disabled":        func(s *tap.Service) { s.Enabled = false },
			"another encapsulation": func(s *tap.Service) {
				at := slices.Index(tap.Encaps, encap)
				s.Encap = tap.Encaps[(at+1)%len(tap.Encaps)]
			},
		} {
			truth := world(encap)
			knows(&truth.Services[2])
			assert.Error(t, judge(truth, program), "%s: %s", encap, what)
		}

		unfed := world(encap)
		unfed.Flows[0].TapID = "s1"
		assert.Error(t, judge(unfed, program), "%s: no tap flow feeds it", encap)

		noMember := toPool
		noMember.Services = slices.Clone(toPool.Services)
		noMember.Services[3].Members = []string{"s2"}
		assert.Error(t, judge(noMember, programOf(toPool)), "%s: it is in no pool", encap)
	}
}
