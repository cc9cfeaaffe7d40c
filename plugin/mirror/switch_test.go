//go:build linux

package mirror_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// realSwitch is an Open vSwitch that runs the program of host a.
type realSwitch struct {
	*ovs.Server
	t *testing.T
}

// apply makes the program's bridge, ports, mirrors and flows. Ports of NICs are dummies.
func (s *realSwitch) apply(p tap.Program) {
	s.t.Helper()
	args := []string{"add-br", "brtap", "--", "set", "Bridge", "brtap", "datapath_type=dummy",
		"fail_mode=" + p.Bridge.FailMode, "protocols=OpenFlow13"}

	for _, o := range p.Ports {
		args = append(args, "--", "add-port", o.Bridge, o.Name, "--", "set", "Interface", o.Name)
		kind := o.Type
		if kind == "" {
			kind = "dummy"
		}

		args = append(args, "type="+kind, fmt.Sprintf("ofport_request=%d", max(1, o.OFPortRequest)))
		for _, key := range slices.Sorted(maps.Keys(o.Options)) {
			args = append(args, fmt.Sprintf("options:%s=%s", key, o.Options[key]))
		}

		if o.VLANMode != "" {
			args = append(args, "--", "set", "Port", o.Name, "vlan_mode="+o.VLANMode,
				fmt.Sprintf("trunks=%d", o.Trunks[0]))
		}
	}

	s.Vsctl(args...)

	var flows strings.Builder
	for i := range p.Flows {
		fmt.Fprintln(&flows, &p.Flows[i].Mod)
	}

	file := filepath.Join(s.Dir, "flows")
	require.NoError(s.t, os.WriteFile(file, []byte(flows.String()), 0o600))
	ovs.Run(s.t, s.Dir, "ovs-ofctl", "-O", "OpenFlow13", "add-flows", "brtap", file)
}

func (s *realSwitch) mirror(m tap.Mirror) {
	s.t.Helper()
	s.Vsctl("--", "--id=@out", "get", "Port", m.Output, "--", "--id=@in", "get", "Port",
		m.SelectSrc[0], "--", "--id=@m", "create", "Mirror", "name="+m.Name,
		"select_src_port=@in", "output_port=@out", "--", "set", "Bridge", m.Bridge, "mirrors=@m")
}

// trace is what the switch does with a packet that enters bridge br0.
func (s *realSwitch) trace(packet string) string {
	s.t.Helper()
	return ovs.Run(s.t, s.Dir, "ovs-appctl", "-t", filepath.Join(s.Dir, "vswitchd.ctl"),
		"ofproto/trace", "br0", packet)
}

// TestProgramOnASwitch has Open vSwitch say what becomes of packets. Copies are cut to the tap
// NIC's size, which tells them from the originals.
func TestProgramOnASwitch(t *testing.T) {
	sc := newScene(t)
	sc.host("a")
	sc.guest("g1", 1, tap.Location{Host: "a", Bridge: "br0", Port: "vnet1", OFPort: 7, MTU: 9000})
	sc.guestTap("t1", on("a", "brtap", "tapt1"))
	sc.at("a").TapPorts[0].MTU = 1500
	sc.vnic("f1", "t1", "g1", 1, tap.Out)
	program := mirror.Full(mirror.DefaultConfig(), sc.Change).Programs[0]

	s := &realSwitch{ovs.StartServer(t), t}
	s.StartSwitch()
	s.Vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=dummy",
		"--", "add-port", "br0", "vnet1", "--", "set", "Interface", "vnet1", "type=dummy",
		"--", "add-port", "br0", "dead", "tag=4095", "--", "set", "Interface", "dead", "type=dummy",
		"--", "add-port", "br0", "eth0", "--", "set", "Interface", "eth0", "type=dummy")

	s.apply(program)

	const broadcast = "dl_src=52:54:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,"
	closed := s.trace("in_port=dead," + broadcast + "dl_type=0x88b5")
	assert.Contains(t, closed, "dl_vlan=4095, priority 200", "the bridge floods into our port")
	assert.NotContains(t, closed, "trunc(", "and nothing comes of it")

	s.mirror(program.Mirrors[0])
	const ours = "dl_type=0x0800,nw_dst=198.51.100.1,nw_src=192.0.2.1,"
	for _, test := range []struct{ name, packet, cut string }{
		{"any frame", "dl_type=0x88b5", "1514"},
		{"a tagged frame", "dl_vlan=7,dl_type=0x88b5", "1518"},
		{"UDP of the host", ours + "nw_proto=17,udp_dst=53", "1514"},
		{"a fragment of another protocol", ours + "nw_proto=6,nw_frag=later", "1514"},
		{"GRE", ours + "nw_proto=47", ""},
		{"GRE with a tag", "dl_vlan=7," + ours + "nw_proto=47", ""},
		{"VXLAN", ours + "nw_proto=17,udp_dst=4789", ""},
		{"our VXLAN", ours + "nw_proto=17,udp_dst=24789", ""},
		{"Geneve with a tag", "dl_vlan=7," + ours + "nw_proto=17,udp_dst=6081", ""},
		{"the first fragment of UDP", ours + "nw_proto=17,nw_frag=first", ""},
		{"a later fragment of UDP", ours + "nw_proto=17,nw_frag=later", ""},
		{"GRE of others", "dl_type=0x0800,nw_src=203.0.113.1,nw_dst=203.0.113.2,nw_proto=47",
			"1514"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := s.trace("in_port=vnet1," + broadcast + test.packet)
			_, actions, _ := strings.Cut(out, "Datapath actions: ")
			if test.cut == "" {
				assert.NotContains(t, actions, "trunc(", out)
				return
			}
			assert.Contains(t, actions, "clone(trunc("+test.cut+"),", out)
		})
	}
}
