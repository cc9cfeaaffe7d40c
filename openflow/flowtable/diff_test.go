package flowtable_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/internal/generate"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// installed is what a switch reports of flows.
func installed(flows []flowtable.Flow) []openflow.FlowStats {
	var list []openflow.FlowStats
	for _, f := range flows {
		list = append(list, openflow.FlowStats{
			Table: f.Table, Priority: f.Priority, Match: f.Match, Cookie: f.Cookie,
			Instructions: f.Instructions,
			IdleTimeout:  f.IdleTimeout, HardTimeout: f.HardTimeout, Flags: f.Flags,
			PacketCount: 99,
		})
	}

	return list
}

// text writes mods one per line.
func text(mods []openflow.FlowMod) string {
	lines := []string{""}
	for _, m := range mods {
		lines = append(lines, m.Command.String()+" "+m.String())
	}
	return strings.Join(lines, "\n")
}

func TestDiff(t *testing.T) {
	output := func(p openflow.PortNo) []action.Instruction {
		return []action.Instruction{action.ApplyActions{action.Output{Port: p}}}
	}
	ipv4 := oxm.EthType(0x0800)
	a := flowtable.Flow{Table: 0, Priority: 10, Match: oxm.Match{oxm.InPort(1)}, Cookie: 0x10,
		Instructions: output(2)}
	b := flowtable.Flow{Table: 3, Priority: 10, Match: oxm.Match{oxm.Metadata(1)}, Cookie: 0x20,
		Instructions: output(3)}
	with := func(f flowtable.Flow, change func(*flowtable.Flow)) flowtable.Flow {
		change(&f)
		return f
	}
	cookie := with(a, func(f *flowtable.Flow) { f.Cookie = 0x11 })
	flows := func(list ...flowtable.Flow) []flowtable.Flow { return list }
	tests := map[string]struct {
		want, have []flowtable.Flow
		opts       flowtable.Options
		mods       string
	}{
		"nothing": {},
		"same":    {want: flows(a, b), have: flows(b, a)},
		"add, last table first": {want: flows(a, b), mods: `
ADD table=3,priority=10,metadata=0x1,cookie=0x20,actions=output:3
ADD table=0,priority=10,in_port=1,cookie=0x10,actions=output:2`},
		"delete, first table first": {have: flows(b, a), mods: `
DELETE_STRICT table=0,priority=10,in_port=1,cookie=0x0
DELETE_STRICT table=3,priority=10,metadata=0x1,cookie=0x0`},
		"delete before add": {want: flows(b), have: flows(a), mods: `
DELETE_STRICT table=0,priority=10,in_port=1,cookie=0x0
ADD table=3,priority=10,metadata=0x1,cookie=0x20,actions=output:3`},
		"cookie only": {want: flows(cookie), have: flows(a),
			mods: "\nADD table=0,priority=10,in_port=1,cookie=0x11,actions=output:2"},
		"cookie outside mask": {want: flows(cookie), have: flows(a),
			opts: flowtable.Options{CookieMask: 0xf0}},
		"cookie inside mask": {want: flows(cookie), have: flows(a),
			opts: flowtable.Options{CookieMask: 0x0f},
			mods: "\nADD table=0,priority=10,in_port=1,cookie=0x11,actions=output:2"},
		"cookies ignored": {want: flows(cookie), have: flows(a),
			opts: flowtable.Options{IgnoreCookies: true}},
		"instructions": {want: flows(with(a,
			func(f *flowtable.Flow) { f.Instructions = output(9) })), have: flows(a),
			mods: "\nADD table=0,priority=10,in_port=1,cookie=0x10,actions=output:9"},
		"timeout": {want: flows(with(a, func(f *flowtable.Flow) { f.IdleTimeout = 5 })),
			have: flows(a),
			mods: "\nADD table=0,priority=10,in_port=1,cookie=0x10,idle_timeout=5," +
				"actions=output:2"},
		"flag that stays": {want: flows(with(a,
			func(f *flowtable.Flow) { f.Flags = openflow.FlowSendRemoved })), have: flows(a),
			mods: "\nADD table=0,priority=10,in_port=1,cookie=0x10,send_flow_rem,actions=output:2"},
		"flag of the message": {want: flows(with(a,
			func(f *flowtable.Flow) { f.Flags = openflow.FlowResetCounts })), have: flows(a)},
		"priority is key": {want: flows(with(a, func(f *flowtable.Flow) { f.Priority = 11 })),
			have: flows(a), mods: `
DELETE_STRICT table=0,priority=10,in_port=1,cookie=0x0
ADD table=0,priority=11,in_port=1,cookie=0x10,actions=output:2`},
		"foreign flows stay": {want: flows(a), have: flows(a, b),
			opts: flowtable.Options{Ignore: func(s openflow.FlowStats) bool {
				return s.Table == 3
			}}},
		"foreign flow in the way": {want: flows(b), have: flows(b),
			opts: flowtable.Options{Ignore: func(openflow.FlowStats) bool {
				return true
			}}},
		"twice wanted": {want: flows(a, cookie), have: flows(cookie)},
		"match in other order": {
			want: flows(flowtable.Flow{Match: oxm.Match{oxm.IPProto(6), ipv4}}),
			have: flows(flowtable.Flow{Match: oxm.Match{ipv4, oxm.IPProto(6)}}),
		},
		"instructions in other order": {
			want: flows(flowtable.Flow{Instructions: []action.Instruction{
				action.GotoTable{Table: 1}, action.WriteMetadata{Value: 1, Mask: 1}}}),
			have: flows(flowtable.Flow{Instructions: []action.Instruction{
				action.WriteMetadata{Value: 1, Mask: 1}, action.GotoTable{Table: 1}}}),
		},
		"empty list of actions": {
			want: flows(flowtable.Flow{Instructions: []action.Instruction{action.ApplyActions{}}}),
			have: flows(flowtable.Flow{}),
		},
		"max_len of a port": {
			want: flows(flowtable.Flow{Instructions: []action.Instruction{
				action.ApplyActions{action.Output{Port: 1, MaxLen: 99}}}}),
			have: flows(flowtable.Flow{Instructions: output(1)}),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := text(flowtable.Diff(tt.want, installed(tt.have), tt.opts)); got != tt.mods &&
				strings.TrimSpace(got) != tt.mods {
				t.Errorf("Diff:%s\nwant:%s", got, tt.mods)
			}
		})
	}
}

// TestDiffConverges applies differences to a model of a table: afterwards no
// difference is left, and the input's order does not matter.
func TestDiffConverges(t *testing.T) {
	all := flows(3, 300)
	r := rand.New(rand.NewPCG(4, 0))
	have := all[:200]
	for range 50 {
		want := slices.Clone(all)
		r.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		want = want[:r.IntN(len(want))]
		for i := range want {
			if r.IntN(4) == 0 {
				want[i].Cookie++
			}
		}

		mods := flowtable.Diff(want, installed(have), flowtable.Options{})
		r.Shuffle(len(have), func(i, j int) { have[i], have[j] = have[j], have[i] })

		if again := flowtable.Diff(want, installed(have),
			flowtable.Options{}); text(again) != text(mods) {
			t.Fatalf("Diff depends on the order of its input:%s\nand:%s", text(mods), text(again))
		}

		have = model(have, mods)
		if left := flowtable.Diff(want, installed(have), flowtable.Options{}); left != nil {
			t.Fatalf("left after applying:%s", text(left))
		}
	}
}

// model applies mods to a table as a switch would.
func model(have []flowtable.Flow, mods []openflow.FlowMod) []flowtable.Flow {
	table := map[flowtable.Key]flowtable.Flow{}
	for _, f := range have {
		table[f.Key()] = f
	}

	for _, m := range mods {
		f := flowtable.Flow{Table: m.Table, Priority: m.Priority, Match: m.Match, Cookie: m.Cookie,
			Instructions: m.Instructions, IdleTimeout: m.IdleTimeout, HardTimeout: m.HardTimeout,
			Flags: m.Flags}
		if m.Command == openflow.FlowAdd {
			table[f.Key()] = f
		} else {
			delete(table, f.Key())
		}
	}

	var list []flowtable.Flow
	for _, f := range table {
		list = append(list, f)
	}

	return list
}

// FuzzKey: the order of fields does not make a key.
func FuzzKey(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		s := generate.New(seed)
		m := s.Match()
		shuffled := slices.Clone(m)
		s.Shuffle(len(m), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if flowtable.KeyOf(1, 2, m) != flowtable.KeyOf(1, 2, shuffled) {
			t.Fatalf("%v and %v have different keys", m, shuffled)
		}
	})
}
