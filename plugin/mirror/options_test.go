package mirror_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPlanOptions holds what is planned for options against golden files.
func TestPlanOptions(t *testing.T) {
	all := tap.Options{Filter: "tcp port 443 and not net 10.0.0.0/8", Snaplen: 128, Sample: 16,
		Tag: 100}
	for _, test := range []struct {
		name    string
		scene   func(*testing.T, ...func(*tap.Host)) *scene
		options tap.Options
		rate    tap.RateLimit
		adjust  func(*scene)
	}{
		{name: "filter", scene: localScene, options: tap.Options{Filter: "udp port 53"}},
		{name: "snaplen", scene: localScene, options: tap.Options{Snaplen: 64}},
		{name: "snaplen-remote", scene: remote, options: tap.Options{Snaplen: 64}},
		{name: "sample", scene: localScene, options: tap.Options{Sample: 4}},
		{name: "strip", scene: localScene, options: tap.Options{Tag: tap.VLANStrip}},
		{name: "strip-cut", scene: remote, options: tap.Options{Tag: tap.VLANStrip, Snaplen: 200}},
		{name: "push", scene: localScene, options: tap.Options{Tag: 7}},
		{name: "push-narrow-path", scene: remote, options: tap.Options{Tag: 7},
			adjust: narrow(1400)},
		{name: "snaplen-narrow-path", scene: remote, options: tap.Options{Snaplen: 1450},
			adjust: narrow(1400)},
		{name: "snaplen-below-the-path", scene: remote, options: tap.Options{Snaplen: 1390},
			adjust: narrow(1400)},
		{name: "rate", scene: localScene, rate: tap.RateLimit{Packets: 2000}},
		{name: "rate-remote", scene: remote, rate: tap.RateLimit{Bits: 10_000_000}},
		{name: "all", scene: remote, options: all, rate: tap.RateLimit{Packets: 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := test.scene(t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.Flows[0].Options = test.options
			s.service("t1").RateLimit = test.rate
			if test.adjust != nil {
				test.adjust(s)
			}
			golden(t, "options-"+test.name, render(mirror.Full(mirror.DefaultConfig(), s.Change)))
		})
	}
}

func localScene(t *testing.T, _ ...func(*tap.Host)) *scene { return local(t) }

// narrow makes the path from host a to b take frames of a size at most.
func narrow(frame uint32) func(*scene) {
	return func(s *scene) {
		s.at("a").Paths = []tap.Path{{Addr: s.at("b").TunnelIP, Frame: frame}}
	}
}

// TestOptionsMakeCaptures: flows of one bridge and service share a capture if and only if their
// options are the same.
func TestOptionsMakeCaptures(t *testing.T) {
	s := local(t)
	s.guest("g2", 2, on("a", "br0", "vnet2"))
	s.guest("g3", 3, on("a", "br0", "vnet3"))
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.vnic("f2", "t1", "g2", 2, tap.Both)
	s.vnic("f3", "t1", "g3", 3, tap.Both)
	plain := mirror.Full(mirror.DefaultConfig(), s.Change)
	require.Len(t, plain.Programs[0].Mirrors, 1)

	s.Flows[1].Options = tap.Options{Filter: "arp"}
	s.Flows[2].Options = tap.Options{Sample: 1} // all of them, as without
	apart := mirror.Full(mirror.DefaultConfig(), s.Change)
	mirrors := apart.Programs[0].Mirrors
	require.Len(t, mirrors, 2)
	for _, m := range mirrors {
		if m.Name == plain.Programs[0].Mirrors[0].Name {
			assert.Equal(t, []string{"vnet1", "vnet3"}, m.SelectSrc, "it keeps its name")
		} else {
			assert.Equal(t, []string{"vnet2"}, m.SelectSrc)
		}
	}
}

// TestInvalidFilter: a filter that was stored and cannot be compiled stops its own flow alone.
func TestInvalidFilter(t *testing.T) {
	s := local(t)
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.vnic("f2", "t1", "g1", 1, tap.Out)
	s.Flows[1].Options = tap.Options{Filter: "udp port"}
	for _, status := range mirror.Full(mirror.DefaultConfig(), s.Change).Statuses {
		switch status.ID {
		case "f2":
			assert.Equal(t, tap.StateError, status.State)
			assert.Equal(t, tap.CodeFilterInvalid, status.Code)
		default:
			assert.Equal(t, tap.StateProgrammed, status.State, status.ID)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	flow := func(o tap.Options) tap.Resource {
		return tap.Resource{Flow: &tap.Flow{ID: "new", Name: "new", TapID: "t1", Type: tap.FlowVNIC,
			GuestID: "g1", Direction: tap.Both, Options: o}}
	}
	planner := mirror.New()
	planner.Apply(registry(t).Change)

	for _, o := range []tap.Options{{Filter: "arp"}, {Snaplen: 64}, {Snaplen: 65535}, {Sample: 256},
		{Tag: tap.VLANStrip}, {Tag: 4094}} {
		got, err := planner.Check(t.Context(), 1, flow(o))
		require.NoError(t, err, o)
		assert.Equal(t, o, got.Flow.Options)
	}

	got, err := planner.Check(t.Context(), 1, flow(tap.Options{Sample: 1, Tag: 5}))
	require.NoError(t, err)
	assert.Equal(t, tap.Options{Tag: 5}, got.Flow.Options)

	for _, test := range []struct {
		field   string
		options tap.Options
	}{
		{"snaplen", tap.Options{Snaplen: 63}}, {"snaplen", tap.Options{Snaplen: 65536}},
		{"sample", tap.Options{Sample: 257}}, {"vlan", tap.Options{Tag: 4095}},
		{"filter", tap.Options{Filter: "tcp[100] = 1"}}, {"filter", tap.Options{Filter: "port"}},
		{"", tap.Options{}}, // f1 is the same
	} {
		var rejection *tap.Rejection
		_, err := planner.Check(t.Context(), 1, flow(test.options))
		require.ErrorAs(t, err, &rejection, test.options)
		assert.Equal(t, test.field, rejection.Field)
		assert.Equal(t, test.field == "", rejection.Conflict)
	}
}

func TestCheckFilterSaysWhere(t *testing.T) {
	planner := mirror.New()
	planner.Apply(registry(t).Change)
	_, err := planner.Check(t.Context(), 1, tap.Resource{Flow: &tap.Flow{ID: "new", TapID: "t1",
		Type: tap.FlowVNIC, GuestID: "g1", Direction: tap.Both,
		Options: tap.Options{Filter: "arp or frobnicate"}}})
	var rejection *tap.Rejection
	require.ErrorAs(t, err, &rejection)
	assert.Equal(t, 7, rejection.Offset)
	assert.Equal(t, len("frobnicate"), rejection.Length)
	assert.NotEmpty(t, rejection.Message)
}

func TestCheckRateLimit(t *testing.T) {
	planner := mirror.New()
	planner.Apply(registry(t).Change)
	service := func(r tap.RateLimit) tap.Resource {
		return tap.Resource{Service: &tap.Service{ID: "new", Name: "new", Type: tap.ServiceGuest,
			TargetID: "g1", RateLimit: r}}
	}

	_, err := planner.Check(t.Context(), 1, service(tap.RateLimit{Packets: 1}))
	require.NoError(t, err)
	for _, bad := range []tap.RateLimit{{Bits: 999}, {Bits: 1 << 50}, {Packets: 1 << 32},
		{Bits: 1000, Packets: 1}} {
		var rejection *tap.Rejection
		_, err := planner.Check(t.Context(), 1, service(bad))
		require.ErrorAs(t, err, &rejection, bad)
		assert.Equal(t, "rate_limit", rejection.Field)
	}
}
