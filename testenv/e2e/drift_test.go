//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// drift changes each object of ours behind the controller's back and waits until all is as before.
// Of its cases it runs every n-th.
func (s *stage) drift(t *testing.T, n int) {
	remote, local, nic := s.guestSink(t, s.ids2, "brtap"), s.guestSink(t, s.ids1, "brtap"),
		s.hostSink(t, s.h1)

	s.flow(t, remote, vnic(s.web, "BOTH"))
	s.flow(t, remote, vswitch(s.h1, lab.Wire, 7, "IN"))
	s.flow(t, local, vnic(s.web, "BOTH"))
	s.flow(t, nic, vnic(s.web, "OUT"))
	source, tapSide, record := s.names(t)
	first := func(pattern string) string {
		text, err := s.h1.OFCtl("--no-stats", "dump-flows", "brtap")
		must(t, err)
		return regexp.MustCompile(pattern).FindString(text)
	}

	inPort := first(`in_port="?tlt-[0-9a-f]+"?`)
	s.run(t, "patch ports deleted again and again",
		func(t *testing.T) { s.deletedOften(t, source, tapSide) })

	for i, c := range []struct {
		name string
		host *lab.Host
		tool func(lab.Switch, ...string) (string, error)
		args []string
	}{
		{"mirror removed", s.h1, lab.Switch.VSCtl,
			[]string{"--", "--id=@m", "get", "Mirror", record, "--", "remove", "Bridge", "br0",
				"mirrors", "@m"}},
		{"all mirrors cleared", s.h1, lab.Switch.VSCtl,
			[]string{"clear", "Bridge", "br0", "mirrors"}},
		{"mirror widened", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Mirror", record, "select_all=true"}},
		{"mirror narrowed", s.h1, lab.Switch.VSCtl,
			[]string{"clear", "Mirror", record, "select_dst_port"}},
		{"mirror of another VLAN", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Mirror", record, "select_vlan=5"}},
		{"mirror without output", s.h1, lab.Switch.VSCtl,
			[]string{"clear", "Mirror", record, "output_port"}},
		{"mirror to a VLAN", s.h1, lab.Switch.VSCtl,
			[]string{"clear", "Mirror", record, "output_port", "--", "set", "Mirror", record,
				"output_vlan=9"}},
		{"mirror renamed", s.h1, lab.Switch.VSCtl, []string{"set", "Mirror", record, "name=other"}},
		{"patch port deleted on the source", s.h1, lab.Switch.VSCtl,
			[]string{"del-port", "br0", source}},
		{"patch port deleted on brtap", s.h1, lab.Switch.VSCtl,
			[]string{"del-port", "brtap", tapSide}},
		{"patch port opened", s.h1, lab.Switch.VSCtl,
			[]string{"clear", "Port", source, "trunks", "vlan_mode"}},
		{"patch port with a tag", s.h1, lab.Switch.VSCtl, []string{"set", "Port", source, "tag=3"}},
		{"patch port to another peer", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Interface", source, "options:peer=nobody"}},
		{"tunnel port deleted", s.h1, lab.Switch.VSCtl, []string{"del-port", "brtap", "tl-gre"}},
		{"tunnel options", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Interface", "tl-gre", "options:remote_ip=192.0.2.9"}},
		{"tunnel key", s.h1, lab.Switch.VSCtl, []string{"set", "Interface", "tl-gre",
			"options:key=5"}},
		{"tunnel port's number", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Interface", "tl-gre", "ofport_request=77"}},
		{"receiving tunnel port's number", s.h2, lab.Switch.VSCtl,
			[]string{"set", "Interface", "tl-gre", "ofport_request=78"}},
		{"receiving tunnel port of no type", s.h2, lab.Switch.VSCtl,
			[]string{"--no-wait", "set", "Interface", "tl-gre", "type=unknown"}},
		{"receiving tunnel port deleted", s.h2, lab.Switch.VSCtl,
			[]string{"del-port", "brtap", "tl-gre"}},
		{"fail mode", s.h1, lab.Switch.VSCtl, []string{"set-fail-mode", "brtap", "standalone"}},
		{"fail mode deleted", s.h1, lab.Switch.VSCtl, []string{"del-fail-mode", "brtap"}},
		{"protocols", s.h1, lab.Switch.VSCtl, []string{"set", "Bridge", "brtap",
			"protocols=OpenFlow10,OpenFlow13"}},
		{"in band", s.h1, lab.Switch.VSCtl, []string{"remove", "Bridge", "brtap", "other_config",
			"disable-in-band"}},
		{"controller deleted", s.h1, lab.Switch.VSCtl, []string{"del-controller", "brtap"}},
		{"another controller", s.h1, lab.Switch.VSCtl,
			[]string{"set-controller", "brtap", "tcp:192.0.2.7:6653"}},
		{"controller in band", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Controller", "brtap", "connection_mode=in-band",
				"inactivity_probe=1"}},
		{"controller that is told nothing", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Controller", "brtap", "type=service", "enable_async_messages=false"}},
		{"room for one flow", s.h1, lab.Switch.VSCtl,
			[]string{"--", "--id=@t", "create", "Flow_Table", "flow_limit=1", "--", "set", "Bridge",
				"brtap", "flow_tables:0=@t"}},
		{"bridge without its own port", s.h1, lab.Switch.VSCtl,
			[]string{"--", "--id=@p", "get", "Port", "brtap", "--", "remove", "Bridge", "brtap",
				"ports", "@p"}},
		{"owner's id", s.h1, lab.Switch.VSCtl, []string{"remove", "Interface", source,
			"external_ids", "tapline-id"}},
		{"all marks taken off", s.h1, lab.Switch.VSCtl, []string{
			"clear", "Bridge", "brtap", "external_ids", "--", "clear", "Controller", "brtap",
			"external_ids",
			"--", "clear", "Port", source, "external_ids", "--", "clear", "Interface", source,
			"external_ids",
			"--", "clear", "Port", tapSide, "external_ids", "--", "clear", "Interface", tapSide,
			"external_ids",
			"--", "clear", "Port", "tl-gre", "external_ids", "--", "clear", "Interface", "tl-gre",
			"external_ids",
			"--", "clear", "Port", "brtap", "external_ids", "--", "clear", "Interface", "brtap",
			"external_ids",
			"--", "clear", "Mirror", record, "external_ids"}},
		{"bridge marked as another's", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Bridge", "brtap", "external_ids:tapline=another"}},
		{"mirror marked as another's", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Mirror", record, "external_ids:tapline=another",
				"external_ids:tapline-id=x"}},
		{"port marked as another's", s.h1, lab.Switch.VSCtl,
			[]string{"set", "Port", source, "external_ids:tapline=another"}},
		{"NIC's marks taken off", s.h1, lab.Switch.VSCtl,
			[]string{"clear", "Port", lab.SpareNIC, "external_ids", "--", "clear", "Interface",
				lab.SpareNIC, "external_ids"}},
		{"patch port made a bond", s.h1, lab.Switch.VSCtl,
			[]string{"--", "--id=@i", "create", "Interface", "name=stray0", "type=internal", "--",
				"add", "Port", source, "interfaces", "@i"}},
		{"bridge deleted", s.h1, lab.Switch.VSCtl, []string{"del-br", "brtap"}},
		{"receiving bridge deleted", s.h2, lab.Switch.VSCtl, []string{"del-br", "brtap"}},
		{"collector's NIC deleted", s.h1, lab.Switch.VSCtl,
			[]string{"del-port", "brtap", lab.SpareNIC}},
		{"flows deleted", s.h1, lab.Switch.OFCtl, []string{"del-flows", "brtap"}},
		{"receiving flows deleted", s.h2, lab.Switch.OFCtl, []string{"del-flows", "brtap"}},
		{"one flow deleted", s.h1, lab.Switch.OFCtl,
			[]string{"del-flows", "brtap", "table=0," + inPort}},
		{"flow with other actions", s.h1, lab.Switch.OFCtl,
			[]string{"mod-flows", "brtap", "table=0," + inPort + ",actions=drop"}},
		{"flow with another cookie", s.h1, lab.Switch.OFCtl,
			[]string{"add-flow", "brtap", "cookie=7,table=0,priority=100," + inPort +
				",actions=drop"}},
		{"flow added", s.h1, lab.Switch.OFCtl, []string{"add-flow", "brtap",
			"table=0,priority=40000,actions=NORMAL"}},
		{"flow added in an unused table", s.h1, lab.Switch.OFCtl,
			[]string{"add-flow", "brtap", "table=77,actions=NORMAL"}},
		{"flow added where copies arrive", s.h2, lab.Switch.OFCtl,
			[]string{"add-flow", "brtap", "table=0,priority=65535,actions=FLOOD"}},
	} {
		if i%n != 0 {
			continue
		}

		s.run(t, c.name, func(t *testing.T) {
			before := s.whole(t)
			begin := time.Now()
			_, err := c.tool(c.host.Switch, c.args...)
			must(t, err)
			commanded := time.Since(begin)
			if c.args[0] == "del-br" { // with it went the NICs that only a hypervisor plugs
				for _, to := range []*sink{local, remote} {
					if to.guest.Host() == c.host {
						must(t, to.nic.Plug(context.Background()))
					}
				}
			}

			t.Cleanup(func() { s.removeControllers(t) }) // others' controllers may stay beside ours
			if _, err := await(4*time.Second,
				func() error { return s.differ(before) }); err != nil {
				t.Errorf("not repaired: %v", err)
			}

			took := s.repaired(begin)
			t.Logf("repaired %v after the command began, which took %v", took, commanded)
			// No release needs to be asked for all flows to notice that some came or went.
			slow := time.Duration(lab.Slowness()) * time.Second
			if (c.args[0] == "del-flows" || c.args[0] == "add-flow") && took-commanded > slow {
				t.Errorf("repaired only %v after the command", took-commanded)
			}

			s.stayReady(t, source, tapSide)
			s.copiesArrive(t, map[*sink]bool{remote: true, local: true, nic: false})
		})
	}
}

// repaired is the time from a moment to the last repair in the controller's log.
func (w *world) repaired(after time.Time) (took time.Duration) {
	text, _ := os.ReadFile(w.log)
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "repaired what somebody else has changed") {
			continue
		}
		stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil && at.After(after) {
			took = at.Sub(after)
		}
	}

	return took
}

// names finds the patch pair and the Mirror of the first host's capture for a service of the other.
func (s *stage) names(t testing.TB) (source, tapSide, record string) {
	t.Helper()
	d := dump(t, s.h1)
	// A local capture's flows deliver to a port; a remote one's into the tunnel.
	for key, r := range d {
		if !strings.HasPrefix(key, "Mirror/") || !r.ours() || r["select_vlan"] != "[]" {
			continue
		}

		suffix := strings.TrimPrefix(r["name"], "tl-")
		port, err := s.h1.VSCtl("get", "Interface", "tlt-"+suffix, "ofport")
		must(t, err)
		trace, err := s.h1.AppCtl("ofproto/trace", "brtap", "in_port="+port)
		must(t, err)
		if strings.Contains(trace, "tun_dst") {
			return "tlm-" + suffix, "tlt-" + suffix, r["name"]
		}
	}

	t.Fatalf("no capture into the tunnel among %v", d)
	return "", "", ""
}

// stayReady fails if statuses do not come back to ready, and then removes the patch pair, so that
// other tests start afresh.
func (s *stage) stayReady(t *testing.T, pair ...string) {
	t.Helper()
	if _, err := await(3*time.Second, s.allReady); err != nil {
		out, _ := s.h1.VSCtl("--columns=name,error,ofport,options", "list", "Interface", pair[0],
			pair[1])
		t.Errorf("repaired, but not ready: %v\n%s", err, out)
		_, err := s.h1.VSCtl("--if-exists", "del-port", pair[0], "--", "--if-exists", "del-port",
			pair[1])
		must(t, err)
	}
}

// deletedOften deletes the two ends of a patch pair in turn, as fast as they are repaired. In the
// end neither may be reported without a peer.
func (s *stage) deletedOften(t *testing.T, source, tapSide string) {
	before := s.whole(t)
	for i := range 12 {
		bridge, port := lab.WireBridge, source
		if i%2 == 1 {
			bridge, port = "brtap", tapSide
		}
		_, err := s.h1.VSCtl("--if-exists", "del-port", bridge, port)
		must(t, err)
		eventually(t, "repair", func() error { return s.differ(before) })
	}

	s.stayReady(t, source, tapSide)
}

// removeControllers removes the controllers of others from brtap.
func (s *stage) removeControllers(t *testing.T) {
	t.Helper()
	for key, r := range dump(t, s.h1) {
		if uuid, is := strings.CutPrefix(key, "Controller/"); is && !r.ours() {
			_, err := s.h1.VSCtl("remove", "Bridge", "brtap", "controller", uuid)
			must(t, err)
		}
	}
}

// allReady is an error if a flow is not ready.
func (w *world) allReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	flows, err := w.api.TapFlows().List(ctx)
	for _, f := range flows.TapFlows {
		err = errors.Join(err, status(f.Status, f.Reason, nil, "ready", ""))
	}
	return err
}

// whole waits until everything stands and returns the content of both hosts.
func (s *stage) whole(t testing.TB) map[*lab.Host]string {
	t.Helper()
	eventually(t, "everything ready", s.allReady)
	all := map[*lab.Host]string{}
	for _, h := range []*lab.Host{s.h1, s.h2} {
		text, err := content(h)
		must(t, err)
		all[h] = text
	}
	return all
}

// differ is an error if the hosts' content is not what it was.
func (s *stage) differ(before map[*lab.Host]string) error {
	for h, text := range before {
		now, err := content(h)
		if err != nil {
			return err
		}
		if d := difference(text, now); d != "" {
			return fmt.Errorf("%s differs:\n%s", h.Name, d)
		}
	}
	return nil
}

// copiesArrive waits until a frame of web is copied to the sinks, then compares the frames that
// follow. A sink with the value true also gets what web receives.
func (s *stage) copiesArrive(t testing.TB, sinks map[*sink]bool) {
	t.Helper()
	tag, traffic := stream(t, s.web, s.db.MAC(), 200)
	begin := time.Now()
	for to := range sinks {
		firstOf(t, to.Capture, tag, begin)
	}

	t.Logf("copies arrive %v after everything was read back", time.Since(begin))
	err := traffic.Stop()
	must(t, err)
	web, db := untaggedKinds(s.web.MAC(), s.db.MAC()), untaggedKinds(s.db.MAC(), s.web.MAC())
	source := capture(t, s.web.Node, "eth0", lab.Both)
	for to := range sinks {
		must(t, to.WaitQuiet(deadline(t), quiet))
	}

	fresh := map[*sink]*lab.Capture{}
	for to := range sinks {
		fresh[to] = to.again(t, s.h1)
	}

	send(t, s.web, web...)
	send(t, s.db, db...)
	settled(t, source, len(web)+len(db))
	for to, both := range sinks {
		want := lab.MultisetOf(web)
		if both {
			want = sum(want, lab.MultisetOf(db))
		}
		exactly(t, "copies to "+to.Name, want, fresh[to])
	}
}

// again opens a second capture at the collector. The first stays open, to show that nothing came
// meanwhile.
func (s *sink) again(t testing.TB, h *lab.Host) *lab.Capture {
	t.Helper()
	if s.nic != nil {
		return capture(t, s.guest.Node, s.nic.Device, lab.In)
	}
	c, err := h.CaptureSpare(lab.CaptureConfig{Direction: lab.In})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}
