//go:build linux

package filter_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/filter"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// onSwitches are expressions of every kind, for real switches.
var onSwitches = []string{
	"tcp port 443 and not net 10.0.0.0/8",
	"port 53 or 80",
	"not tcp port 80",
	"(src host 10.0.0.1 or 10.0.0.2 or 192.0.2.1) and tcp dst port (22 or 80 or 443 or 8080)",
	"not ((src host 10.0.0.1 or 10.0.0.2 or 10.1.2.3) and (udp dst port 53 or 81 or 1000 or 8080))",
	"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn or icmp[icmptype] = icmp-echo",
	"icmp6[icmp6type] != icmp6-neighborsolicit and ip6",
	"vlan 30 and ip",
	"vlan and not vlan 5",
	"ether multicast and not ether broadcast",
	"arp host 10.0.0.1 or ether proto 0x88b5",
	"tcp portrange 53-1000 and net 10.0.0.1 mask 255.0.0.255",
	"ip6 net 2001:db8::/64 and not udp",
	"ip6 proto 44 or sctp",
	"vlan 4 or vlan 5 or ether src 52:54:00:00:00:02 or ether src 52:54:00:00:00:03",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 or icmp[1] = 1 or arp net 10.0.0.0/24",
}

// TestRealSwitch has Open vSwitch itself decide about frames. All programs are in one table at
// once, as they are on a tap bridge.
func TestRealSwitch(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	expressions := onSwitches
	for len(expressions) < len(onSwitches)+6 {
		expr := randomExpression(r, 4, true).String()
		if _, ok := compile(t, expr); ok {
			expressions = append(expressions, expr)
		}
	}

	b := ovs.StartBridge(t)
	programs, flows := placeAll(t, b, expressions)
	install(t, b, flows)
	b.Ofctl("set-frags", "br0", "nx-match")

	accepted, traced := 0, 0
	for i, program := range programs {
		for range 25 {
			frame := randomFrame(r)
			want := program.accepts(extract(frame), uint64(i+1))
			out := ovs.Run(t, b.Dir, "ovs-appctl", "-t", filepath.Join(b.Dir, "vswitchd.ctl"),
				"ofproto/trace", "br0", fmt.Sprintf("in_port=%d", i+1), fmt.Sprintf("%x", frame))
			_, actions, ok := strings.Cut(out, "Datapath actions: ")
			require.True(t, ok, out)

			traced++
			if want {
				accepted++
			}
			if got := !strings.HasPrefix(actions, "drop"); got != want {
				t.Fatalf("seed %d: %s\nthe switch accepts: %v, the model: %v\nframe %x\n%s", seed,
					expressions[i], got, want, frame, out)
			}
		}
	}

	t.Logf("%d of %d frames accepted", accepted, traced)
	if accepted < traced/20 || accepted > traced-traced/20 {
		t.Error("the frames are too much alike")
	}
}

// install adds flows, and checks that the switch then has what was wanted: else they would be
// replaced again and again.
func install(t *testing.T, b ovs.Bridge, flows []flowtable.Flow) {
	t.Helper()
	conn, err := ofconn.Dial(t.Context(), b.Management(), nil, ofconn.Options{})
	require.NoError(t, err)
	defer conn.Close()

	have, err := flowtable.Dump(t.Context(), conn)
	require.NoError(t, err)
	require.NoError(t, flowtable.Apply(t.Context(), conn,
		flowtable.Diff(flows, have, flowtable.Options{})))

	have, err = flowtable.Dump(t.Context(), conn)
	require.NoError(t, err)
	require.Empty(t, flowtable.Diff(flows, have, flowtable.Options{}))
}

// placeAll makes a port for each expression, from which packets go to the expression's program. It
// returns the programs, and the flows of the whole bridge.
func placeAll(
	t *testing.T, b ovs.Bridge, expressions []string,
) (programs []table, flows []flowtable.Flow) {
	conjunctions := uint32(1)
	flows = append(flows, flowtable.Flow{Table: 4, Instructions: []action.Instruction{
		action.ApplyActions{action.Output{Port: 1000}}}})
	b.Vsctl("add-port", "br0", "out", "--", "set", "Interface", "out", "type=dummy",
		"ofport_request=1000")
	for i, expr := range expressions {
		program, err := filter.Compile(expr)
		require.NoError(t, err, expr)

		number := uint32(i + 1)
		name := fmt.Sprint("p", number)
		b.Vsctl("add-port", "br0", name, "--", "set", "Interface", name, "type=dummy",
			fmt.Sprint("ofport_request=", number))
		flows = append(flows, flowtable.Flow{
			Match: oxm.Match{oxm.InPort(openflow.PortNo(number))},
			Instructions: []action.Instruction{
				action.WriteMetadata{Value: uint64(number), Mask: ^uint64(0)},
				action.GotoTable{Table: 2}},
		})

		placed := program.Flows(filter.Placement{Table: 2, Priority: 32000,
			Match: oxm.Match{oxm.Metadata(uint64(number))}, Conjunction: conjunctions,
			Accept: []action.Instruction{action.GotoTable{Table: 4}}})
		conjunctions += uint32(program.Conjunctions())
		programs = append(programs, placed)
		for _, mod := range placed {
			flows = append(flows, flowtable.Flow{Table: mod.Table, Priority: mod.Priority,
				Match: mod.Match, Instructions: mod.Instructions})
		}
	}

	if conjunctions < 3 {
		t.Error("there are too few conjunctions")
	}
	return programs, flows
}
