package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// patience bounds each wait of the suite.
const patience = 20 * time.Second

// Conformance runs the suite. Each test asks for a Mirror that was not configured and knows
// nothing, and that is closed by the test's cleanup.
func Conformance(t *testing.T, fresh func(*testing.T) plugin.Mirror) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, plugin.Mirror)
	}{
		{"Describe", describe},
		{"Configure", configure},
		{"Snapshot", snapshot},
		{"SnapshotWithoutAnything", snapshotWithoutAnything},
		{"ChangeTellsWhatDiffers", changeTellsWhatDiffers},
		{"ChangesLeadWhereASnapshotLeads", func(t *testing.T,
			m plugin.Mirror) {
			changesLeadWhereASnapshotLeads(t, m, fresh(t))
		}},
		{"SnapshotForgets", snapshotForgets},
		{"HostsWithoutProgram", hostsWithoutProgram},
		{"RunEndsWithItsChannel", runEndsWithItsChannel},
		{"RunEndsWithItsContext", runEndsWithItsContext},
		{"RunEndsWithAnErrorOfTell", runEndsWithAnErrorOfTell},
		{"CheckAccepts", checkAccepts},
		{"CheckRejects", checkRejects},
		{"CheckWaits", checkWaits},
		{"CheckEndsWithItsContext", checkEndsWithItsContext},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func describe(t *testing.T, m plugin.Mirror) {
	d, err := m.Describe(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, d.Name)
	assert.NotEmpty(t, d.Version)
	assert.True(t, json.Valid([]byte(d.ConfigSchema)), "the schema is no JSON: %s", d.ConfigSchema)
}

func configure(t *testing.T, m plugin.Mirror) {
	require.NoError(t, m.Configure(t.Context(), nil), "no configuration means the defaults")
	require.NoError(t, m.Configure(t.Context(), []byte("{}")))
	for _, bad := range []string{"[]", "{", `{"no-such-setting": 1}`} {
		err := m.Configure(t.Context(), []byte(bad))
		var wrong *plugin.ConfigError
		if assert.ErrorAs(t, err, &wrong, "configuration %s", bad) &&
			assert.NotEmpty(t, wrong.Fields) {
			assert.NotEmpty(t, wrong.Fields[0].Message)
		}
	}

	err := m.Configure(t.Context(), []byte(`{"no-such-setting": 1}`))
	var wrong *plugin.ConfigError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "no-such-setting", wrong.Fields[0].Field)
}

func snapshot(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	d.send(world())
	d.wait(1)
	require.Contains(t, d.programs, "h1")
	require.Contains(t, d.programs, "h2")
	for _, status := range d.statuses {
		assert.Equal(t, tap.StateProgrammed, status.State, "%s %s: %s", status.Kind, status.ID,
			status.Reason)
		assert.NotEmpty(t, status.Needs, "%s %s is programmed and needs nothing", status.Kind,
			status.ID)
		for _, n := range status.Needs {
			assert.True(t, owns(d.programs[n.Host], n.Owner),
				"%s %s needs %s of host %s, which is in no program", status.Kind, status.ID,
				n.Owner, n.Host)
		}
	}

	assert.Len(t, d.statuses, 3)
	for _, p := range d.programs {
		within(t, p)
	}
}

func owns(p tap.Program, owner string) bool {
	found := owner == tap.OwnerBridge
	for _, o := range p.Ports {
		found = found || o.Owner == owner
	}

	for _, o := range p.Mirrors {
		found = found || o.Owner == owner
	}

	for _, o := range p.Flows {
		found = found || o.Owner == owner
	}

	return found
}

// within holds a program to what a controller applies: objects that have an owner and names that
// fit, mirrors whose output is a port of the program on their bridge, flows that can be encoded.
func within(t *testing.T, p tap.Program) {
	t.Helper()
	const nameMax = 15 // IFNAMSIZ less the NUL
	ports := map[string]bool{}
	assert.NotEmpty(t, p.Bridge.Name)
	for _, o := range p.Ports {
		assert.NotEmpty(t, o.Owner, "port %s has no owner", o.Name)
		assert.LessOrEqual(t, len(o.Name), nameMax, "port %s", o.Name)
		assert.False(t, ports[o.Bridge+" "+o.Name], "port %s twice", o.Name)
		ports[o.Bridge+" "+o.Name] = true
	}

	for _, o := range p.Mirrors {
		assert.NotEmpty(t, o.Owner, "mirror %s has no owner", o.Name)
		assert.NotEqual(t, p.Bridge.Name, o.Bridge, "mirror %s is on the tap bridge", o.Name)
		assert.True(t, ports[o.Bridge+" "+o.Output],
			"mirror %s outputs to %s, which is no port of the program", o.Name, o.Output)
	}

	for _, o := range p.Tunnel.Peers {
		assert.True(t, ports[p.Bridge.Name+" "+p.Tunnel.Port],
			"the tunnel leads to %s by %q, which is no port of the tap bridge", o.Addr,
			p.Tunnel.Port)
		assert.True(t, o.Addr.IsValid())
		for _, owner := range o.Owners {
			assert.True(t, owns(p, owner), "%s sends to %s and owns nothing", owner, o.Addr)
		}
	}

	for _, o := range p.Flows {
		assert.NotEmpty(t, o.Owner, "flow %v has no owner", &o.Mod)
		assert.NotZero(t, o.Mod.Cookie, "flow %v has no cookie", &o.Mod)
		assert.NoError(t, o.Mod.Match.Validate())
	}
}

func snapshotWithoutAnything(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	d.send(tap.Change{Revision: 1, Reset: true})
	d.wait(1)
	assert.Empty(t, d.programs)
	assert.Empty(t, d.statuses)
}

func changeTellsWhatDiffers(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	w := world()
	d.send(w)
	d.wait(1)
	d.forget()
	d.send(tap.Change{Revision: 2, Hosts: w.Hosts, Guests: w.Guests, Attachments: w.Attachments,
		Services: w.Services, Flows: w.Flows})

	d.wait(2)
	assert.Empty(t, d.programs, "nothing changed")
	assert.Empty(t, d.statuses, "nothing changed")

	off := w.Flows[1]
	off.Enabled = false
	d.send(tap.Change{Revision: 3, Flows: []tap.Flow{off}})
	d.wait(3)
	assert.Contains(t, d.programs, "h1", "a flow less is a program that differs")
	require.Contains(t, d.statuses, "tap_flow f2")
	assert.Equal(t, tap.StateDisabled, d.statuses["tap_flow f2"].State)
	assert.NotContains(t, d.statuses, "tap_flow f1")
	assert.NotContains(t, d.statuses, "tap_service s1")
}

func changesLeadWhereASnapshotLeads(t *testing.T, m, other plugin.Mirror) {
	w := world()
	step := drive(t, m)
	step.send(tap.Change{Revision: 1, Reset: true, Secret: w.Secret})
	step.send(tap.Change{Revision: 2, Flows: w.Flows})
	step.send(tap.Change{Revision: 3, Attachments: w.Attachments, Services: w.Services})
	step.send(tap.Change{Revision: 4, Guests: w.Guests})
	step.send(tap.Change{Revision: 5, Hosts: w.Hosts})
	step.wait(5)
	once := drive(t, other)
	once.send(w)
	once.wait(1)
	assert.Equal(t, once.programs, step.programs)
	assert.Equal(t, once.statuses, step.statuses)
}

func snapshotForgets(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	w := world()
	d.send(w)
	d.wait(1)
	before := d.programs["h1"]
	d.forget()
	w.Revision, w.Flows = 2, nil
	d.send(w)
	d.wait(2)
	require.Contains(t, d.programs, "h1", "a snapshot is answered in full")
	require.Contains(t, d.programs, "h2", "a snapshot is answered in full")
	assert.Less(t, len(d.programs["h1"].Mirrors), len(before.Mirrors))
	assert.Len(t, d.statuses, 1)
}

func hostsWithoutProgram(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	w := world()
	w.Hosts[0] = tap.Host{ID: "h1", Name: "host-1", TunnelIP: w.Hosts[0].TunnelIP}
	w.Hosts[1].Refused = "bridge brtap belongs to somebody else"
	d.send(w)
	d.wait(1)
	assert.Empty(t, d.programs,
		"a host that was never observed, and one on which nothing may be programmed")

	for _, s := range d.statuses {
		assert.NotEqual(t, tap.StateProgrammed, s.State, "%s %s", s.Kind, s.ID)
		assert.NotEmpty(t, s.Reason, "%s %s", s.Kind, s.ID)
	}
}

func runEndsWithItsChannel(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	d.send(world())
	d.wait(1)
	close(d.changes)
	assert.NoError(t, d.end())
}

func runEndsWithItsContext(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	d.send(world())
	d.wait(1)
	d.cancel()
	assert.ErrorIs(t, d.end(), context.Canceled)
}

func runEndsWithAnErrorOfTell(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	enough := errors.New("the controller has had enough")
	d.refuse = enough
	d.send(world())
	assert.ErrorIs(t, d.end(), enough)
}

func checkAccepts(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	d.send(world())
	f := tap.Flow{ID: "f9", Name: "new", TapID: "s1", Type: tap.FlowVNIC, GuestID: "g2",
		Direction: tap.In, Enabled: true}

	got, err := m.Check(d.ctx, 1, tap.Resource{Flow: &f})
	require.NoError(t, err)
	require.NotNil(t, got.Flow)
	want := f
	want.MAC = mac(2)
	assert.Equal(t, want, *got.Flow, "the only NIC of the guest is filled in, and nothing else")
	assert.True(t, f.MAC.IsZero(), "what was asked is left alone")

	s := tap.Service{ID: "s9", Name: "new", Type: tap.ServiceGuest, TargetID: "g2", MAC: mac(9),
		IfName: "tap9", Key: 9}

	got, err = m.Check(d.ctx, 1, tap.Resource{Service: &s})
	require.NoError(t, err)
	require.NotNil(t, got.Service)
	assert.Equal(t, s, *got.Service)
}

func checkRejects(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	d.send(world())
	for _, test := range []struct {
		name     string
		give     tap.Resource
		field    string
		conflict bool
	}{
		{"nothing", tap.Resource{}, "", false},
		{"no such service", tap.Resource{Flow: &tap.Flow{ID: "f9", TapID: "s9", Type: tap.FlowVNIC,
			GuestID: "g2", Direction: tap.Both}}, "tap_id", false},
		{"no such guest", tap.Resource{Flow: &tap.Flow{ID: "f9", TapID: "s1", Type: tap.FlowVNIC,
			GuestID: "g9", Direction: tap.Both}}, "guest_id", false},
		{"VLAN", tap.Resource{Flow: &tap.Flow{ID: "f9", TapID: "s1", Type: tap.FlowVSwitch,
			HostID: "h1", WireID: "net0", VLAN: 4095, Direction: tap.Both}}, "vlan_id", false},
		{"identical flow", tap.Resource{Flow: &tap.Flow{ID: "f9", TapID: "s1",
			Type: tap.FlowVSwitch, HostID: "h1", WireID: "net0", Direction: tap.Both}}, "", true},
		{"second service of a guest", tap.Resource{Service: &tap.Service{ID: "s9",
			Type: tap.ServiceGuest, TargetID: "g3"}}, "target_id", true},
	} {
		_, err := m.Check(d.ctx, 1, test.give)
		var no *tap.Rejection
		if !assert.ErrorAs(t, err, &no, test.name) {
			continue
		}
		assert.Equal(t, test.field, no.Field, test.name)
		assert.Equal(t, test.conflict, no.Conflict, test.name)
		assert.NotEmpty(t, no.Message, test.name)
	}
}

func checkWaits(t *testing.T, m plugin.Mirror) {
	d := drive(t, m)
	w := world()
	late := w.Guests[1]
	w.Guests = w.Guests[:1]
	d.send(w)
	answer := make(chan error, 1)
	go func() {
		_, err := m.Check(d.ctx, 2, tap.Resource{Flow: &tap.Flow{ID: "f9", TapID: "s1",
			Type: tap.FlowVNIC, GuestID: late.ID, Direction: tap.Both}})
		answer <- err
	}()

	d.wait(1)
	select {
	case err := <-answer:
		t.Fatalf("answered before its revision: %v", err)
	default:
	}

	d.send(tap.Change{Revision: 2, Guests: []tap.Guest{late}})
	select {
	case err := <-answer:
		require.NoError(t, err, "the guest came with the revision that the check waits for")
	case <-time.After(patience):
		t.Fatal("no answer after its revision")
	}
}

func checkEndsWithItsContext(t *testing.T, m plugin.Mirror) {
	for _, test := range []struct {
		end  error
		open func(context.Context) (context.Context, context.CancelFunc)
	}{
		{context.Canceled, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}},
		{context.DeadlineExceeded, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Millisecond)
		}},
	} {
		ctx, cancel := test.open(t.Context())
		_, err := m.Check(ctx, 99, tap.Resource{})
		cancel()
		assert.ErrorIs(t, err, test.end, fmt.Sprint(test.end))
	}
}
