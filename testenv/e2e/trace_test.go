//go:build linux

package e2e

import (
	"regexp"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// trace asks the switch, by ofproto/trace, what it does with a copy.
func (s *stage) trace(t *testing.T) {
	local, remote := s.guestSink(t, s.ids1, "brtap"), s.guestSink(t, s.ids2, "brtap")
	ofport := func(t *testing.T, h *lab.Host, name string) string {
		number, err := h.VSCtl("get", "Interface", name, "ofport")
		must(t, err)
		return number
	}

	traced := func(t *testing.T, h *lab.Host, packet string) string {
		text, err := h.AppCtl("ofproto/trace", "brtap", packet)
		must(t, err)
		t.Log(text)
		return text
	}

	patch := func(t *testing.T, h *lab.Host) string {
		ports, err := h.VSCtl("list-ports", "brtap")
		must(t, err)
		name := regexp.MustCompile(`tlt-[0-9a-f]{8}`).FindString(ports)
		if name == "" {
			t.Fatalf("no patch port among %q", ports)
		}
		return ofport(t, h, name)
	}

	const packet = ",dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,udp,nw_src=198.18.0.1," +
		"nw_dst=198.18.0.2"
	s.run(t, "local", func(t *testing.T) {
		s.flow(t, local, vnic(s.web, "BOTH"))
		text := traced(t, s.h1, "in_port="+patch(t, s.h1)+packet)
		if want := "output:" + ofport(t, s.h1, local.nic.IfName); !regexp.MustCompile(`(?m)` +
			want + `$`).MatchString(text) {
			t.Errorf("want %s", want)
		}
	})

	s.run(t, "remote", func(t *testing.T) {
		s.flow(t, remote, vswitch(s.h1, lab.Wire, 0, "BOTH"))
		in := "in_port=" + patch(t, s.h1)
		text := traced(t, s.h1, in+packet)
		key := regexp.MustCompile(`set_field:(0x[0-9a-f]+)->tun_id`).FindStringSubmatch(text)
		// The userspace datapath builds the tunnel's headers; the kernel's has a device for that.
		tunnels := map[string]string{lab.Netdev: `tnl_push\(|native tunnel`,
			lab.System: `output to kernel tunnel`}
		for _, want := range []string{`set_field:` + regexp.QuoteMeta(s.h2.TunnelIP.String()) +
			`->tun_dst`, tunnels[s.Datapath()]} {
			if !regexp.MustCompile(want).MatchString(text) || key == nil {
				t.Errorf("want %s", want)
			}
		}

		for _, ends := range []string{"nw_src", "nw_dst"} {
			text := traced(t, s.h1,
				in+",dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,ip,nw_proto=47,"+ends+"="+
					s.h1.TunnelIP.String())
			if !regexp.MustCompile(`Datapath actions: drop`).MatchString(text) {
				t.Errorf("the tunnel's own packet is not dropped")
			}
		}

		arrives := "in_port=" + ofport(t, s.h2, "tl-gre") + ",tun_id=" + key[1] + ",tun_dst=" +
			s.h2.TunnelIP.String()
		if want := "output:" + ofport(t, s.h2, remote.nic.IfName); !regexp.MustCompile(`(?m)` +
			want + `$`).MatchString(
			traced(t, s.h2, arrives+",tun_src="+s.h1.TunnelIP.String()+packet)) {
			t.Errorf("want %s", want)
		}

		for _, wrong := range []string{
			arrives + ",tun_src=192.0.2.1",
			"in_port=" + ofport(t, s.h2, "tl-gre") + ",tun_id=0x7fff0000,tun_src=" +
				s.h1.TunnelIP.String(),
			"in_port=" + ofport(t, s.h2, remote.nic.IfName),
			"in_port=LOCAL",
		} {
			if !regexp.MustCompile(`Datapath actions: drop`).MatchString(traced(t, s.h2,
				wrong+packet)) {
				t.Errorf("%s is not dropped", wrong)
			}
		}
	})
}
