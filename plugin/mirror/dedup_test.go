package mirror_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// dedupScene has a guest on host a and one on host b, mirrored to a service on host c.
func dedupScene(t *testing.T) *scene {
	s := newScene(t)
	for _, id := range []string{"a", "b", "c"} {
		s.host(id)
	}
	s.guest("g1", 1, on("a", "br0", "vnet1"))
	s.guest("g2", 2, on("b", "br0", "vnet2"))
	s.guestTap("t1", on("c", "brtap", "tapt1"))
	s.service("t1").Dedup = true
	return s
}

// dropped are the last octets of the addresses that the captures of each host drop as duplicates.
func dropped(r tap.Result) (words []string) {
	for i := range r.Programs {
		for j := range r.Programs[i].Flows {
			f := &r.Programs[i].Flows[j]
			if f.Counts != tap.CountsDuplicates {
				continue
			}
			field, _ := f.Mod.Match.Get(oxm.FieldEthSrc)
			words = append(words, r.Programs[i].Host+" "+string('0'+rune(field.Uint64()&0xff)))
		}
	}
	slices.Sort(words)
	return words
}

// TestDedup: which packets a capture leaves to another one.
func TestDedup(t *testing.T) {
	for _, test := range []struct {
		name   string
		adjust func(*scene)
		want   string
	}{
		{"both directions", func(s *scene) {}, "a 2,b 1"},
		{"without dedup", func(s *scene) { s.service("t1").Dedup = false }, ""},
		{"only what arrives is mirrored", func(s *scene) { s.Flows[0].Direction = tap.In }, "a 2"},
		{"only what is sent is mirrored", func(s *scene) {
			s.Flows[0].Direction, s.Flows[1].Direction = tap.Out, tap.Out
		}, "a 2,b 1"},
		{"a disabled tap flow", func(s *scene) { s.Flows[0].Enabled = false }, ""},
		{"another filter", func(s *scene) { s.Flows[0].Options.Filter = "arp" }, "a 2"},
		{"the same filter", func(s *scene) {
			s.Flows[0].Options.Filter, s.Flows[1].Options.Filter = "arp", "arp"
		}, "a 2,b 1"},
		{"a sample", func(s *scene) {
			s.Flows[0].Options.Sample, s.Flows[1].Options.Sample = 4, 4
		}, ""},
		{"cut copies", func(s *scene) { s.Flows[0].Options.Snaplen = 64 }, ""},
		{"a NIC at two places", func(s *scene) {
			s.Guests[0].NICs[0].Locations = append(s.Guests[0].NICs[0].Locations,
				on("b", "br0", "vnet9"))
		}, "a 2"},
		{"two NICs of one address", func(s *scene) {
			s.guest("g3", 1, on("a", "br0", "vnet3"))
			s.vnic("f3", "t1", "g3", 1, tap.Out)
		}, "a 2"},
		{"a capture that cannot run", func(s *scene) {
			s.at("a").Bridges[0].OtherMirrors = tap.MaxMirrors
		}, ""},
		{"other options on one host", func(s *scene) {
			s.guest("g3", 3, on("a", "br0", "vnet3"))
			s.vnic("f3", "t1", "g3", 3, tap.In)
			s.Flows[2].Options.Filter = "tcp"
		}, "a 1,a 2,a 2,b 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := dedupScene(t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
			test.adjust(s)
			full := mirror.Full(mirror.DefaultConfig(), s.Change)
			assert.Equal(t, test.want, strings.Join(dropped(full), ","))
		})
	}
}

// TestDedupFollows: what a capture drops follows tap flows of other hosts, one change at a time.
func TestDedupFollows(t *testing.T) {
	s := dedupScene(t)
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.vnic("f2", "t1", "g2", 2, tap.Both)
	p := mirror.New()
	require.Equal(t, []string{"a 2", "b 1"}, dropped(p.Apply(s.Change)))

	off := s.Flows[0]
	off.Enabled = false
	require.Empty(t, dropped(p.Apply(tap.Change{Flows: []tap.Flow{off}})))
	require.Equal(t, []string{"a 2", "b 1"}, dropped(p.Apply(tap.Change{Flows: s.Flows[:1]})))

	// Where there is no room for what g1 sends, it is copied where it arrives.
	full := *s.at("a")
	full.Bridges = slices.Clone(full.Bridges)
	full.Bridges[0].OtherMirrors = tap.MaxMirrors
	changed := p.Apply(tap.Change{Hosts: []tap.Host{full}})
	require.Empty(t, dropped(changed))
	require.Len(t, changed.Programs, 2, "of the hosts with the two captures")

	plain := *s.service("t1")
	plain.Dedup = false
	p.Apply(tap.Change{Hosts: []tap.Host{*s.at("a")}})
	changed = p.Apply(tap.Change{Services: []tap.Service{plain}})
	require.Empty(t, dropped(changed))
	require.Len(t, changed.Programs, 2)
}
