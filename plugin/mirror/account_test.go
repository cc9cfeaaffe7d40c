package mirror_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestAccounts: which address counts for which tap flows.
func TestAccounts(t *testing.T) {
	for _, test := range []struct {
		name   string
		adjust func(*scene)
		want   []string
	}{
		{"alone", func(s *scene) { s.vnic("f1", "t1", "g1", 1, tap.Both) }, nil},
		{"beside a disabled one", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
			s.Flows[1].Enabled = false
		}, nil},
		{"with other options", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
			s.Flows[1].Options.Snaplen = 64
		}, nil},
		{"each direction", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Out)
			s.vnic("f2", "t1", "g2", 2, tap.In)
			s.vnic("f3", "t1", "g3", 3, tap.Both)
		}, []string{
			"received by 2: f2", "received by 3: f3", "sent", "sent by 1: f1", "sent by 3: f3",
			"unexplained",
		}},
		{"one NIC, two tap flows", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Out)
			s.vnic("f2", "t1", "g1", 1, tap.Both)
		}, []string{"received by 1: f2", "sent", "sent by 1: f1 f2", "unexplained"}},
		{"beside a whole switch", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Out)
			s.vswitch("f2", "t1", "a", "br0", 0, tap.Both)
		}, []string{"sent", "sent by 1: f1", "unexplained"}},
		{"two NICs of one address", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Out)
			s.guest("g4", 1, on("a", "br0", "vnet4"))
			s.vnic("f4", "t1", "g4", 1, tap.Out)
			s.vnic("f2", "t1", "g2", 2, tap.Out)
		}, []string{"sent", "sent by 2: f2", "unexplained"}},
		{"with a filter", func(s *scene) {
			s.vnic("f1", "t1", "g1", 1, tap.Out)
			s.vnic("f2", "t1", "g2", 2, tap.In)
			s.Flows[0].Options.Filter, s.Flows[1].Options.Filter = "arp", "arp"
		}, []string{
			"received by 2: f2", "selected by 1: f1", "selected by 2: f2", "sent", "sent by 1: f1",
			"unexplained",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := local(t)
			s.guest("g2", 2, on("a", "br0", "vnet2"))
			s.guest("g3", 3, on("a", "br0", "vnet3"))
			test.adjust(s)
			assert.Equal(t, test.want, counted(mirror.Full(mirror.DefaultConfig(), s.Change)))
		})
	}
}

// counted are the flows of the only program that only count, in words.
func counted(r tap.Result) (words []string) {
	for i := range r.Programs[0].Flows {
		f := &r.Programs[0].Flows[i]
		if f.Counts == tap.CountsByPlace {
			continue
		}

		text := string(f.Counts)
		for _, id := range []oxm.FieldID{oxm.FieldEthSrc, oxm.FieldEthDst} {
			if field, has := f.Mod.Match.Get(id); has {
				text += " by " + string('0'+rune(field.Uint64()&0xff)) + ": "
			}
		}
		words = append(words, text+strings.Join(f.TapFlows, " "))
	}
	slices.Sort(words)
	return words
}
