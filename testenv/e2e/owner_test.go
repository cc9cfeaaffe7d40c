//go:build linux

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// ownership checks that all our rows are marked and that no row of others is touched.
func (s *stage) ownership(t *testing.T) {
	s.run(t, "every row is marked and others stay", s.marks)
	s.run(t, "host-delete leaves the switch as it was", s.hostDelete)
	s.run(t, "a foreign brtap is left alone", s.foreignBridge)
	s.run(t, "a second cluster refuses", s.secondCluster)
}

// foreigners gives a host rows and flows of somebody else, as like ours as can be.
func foreigners(t *testing.T, h *lab.Host) (removed func()) {
	t.Helper()
	_, err := h.VSCtl(
		"add-br", "br-theirs", "--", "set", "Bridge", "br-theirs", h.DatapathType(),
		"external_ids:tapline-id=bridge",
		"--", "add-port", "br0", "tlm-deadbeef", "--", "set", "Interface", "tlm-deadbeef",
		"type=patch", "options:peer=tlt-deadbeef",
		"--", "add-port", "br-theirs", "tlt-deadbeef", "--", "set", "Interface", "tlt-deadbeef",
		"type=patch", "options:peer=tlm-deadbeef",
		"--", "set", "Interface", "tlt-deadbeef",
		"external_ids:tapline=11111111-2222-3333-4444-555555555555",
		"--", "--id=@out", "get", "Port", "tlm-deadbeef", "--", "--id=@m", "create", "Mirror",
		"name=tl-deadbeef", "select_all=true", "output_port=@out",
		"--", "--id=@n", "create", "Mirror", `name=""`, "output_vlan=4000",
		"--", "set", "Bridge", "br0", "mirrors=@m,@n")
	must(t, err)
	_, err = h.OFCtl("add-flow", "br-theirs",
		"cookie=0x7461000200000001,priority=7,in_port=9,actions=drop")
	must(t, err)
	return func() {
		_, err := h.VSCtl("clear", "Bridge", "br0", "mirrors", "--", "del-port", "tlm-deadbeef",
			"--", "del-br", "br-theirs")
		must(t, err)
	}
}

// flowsOfOthers are the flows of all bridges but brtap.
func flowsOfOthers(t *testing.T, h *lab.Host) string {
	t.Helper()
	bridges, err := h.VSCtl("list-br")
	must(t, err)
	var out strings.Builder
	for _, b := range strings.Fields(bridges) {
		if b == "brtap" {
			continue
		}
		text, err := h.OFCtl("--no-stats", "dump-flows", b)
		must(t, err)
		out.WriteString(b + "\n" + text + "\n")
	}

	return out.String()
}

func (s *stage) marks(t *testing.T) {
	t.Cleanup(foreigners(t, s.h1))
	nicPlugged := s.guestService(t, s.ids1)
	plugTap(t, s.ids1, nicPlugged, "brtap")
	clean := dump(t, s.h1)
	before, flows := clean.foreign(), flowsOfOthers(t, s.h1)
	t.Run("flows", func(t *testing.T) {
		_, err := s.api.TapServices().Enable(deadline(t), nicPlugged.ID, client.Wait(5*time.Second))
		must(t, err)
		far, nic := s.guestSink(t, s.ids2, "brtap"), s.hostSink(t, s.h1)
		s.flowAs(t, nicPlugged.ID, vnic(s.web, "BOTH"))
		s.flow(t, far, vswitch(s.h1, lab.Wire, 7, "IN"))
		s.flow(t, far, vswitch(s.h1, lab.UnderlayBridge, 0, "OUT"))
		s.flow(t, nic, vnic(s.db, "IN"))
		with := dump(t, s.h1)
		if diff := before.differs(with.foreign()); diff != "" {
			t.Errorf("rows of others:\n%s", diff)
		}

		for key, r := range with {
			if clean[key] == nil && !(r.ours() && strings.Contains(r["external_ids"],
				"tapline-id=")) {
				t.Errorf("%s %s of ours is not marked: %s", key, r["name"], r["external_ids"])
			}
		}
	})

	if diff := before.differs(dump(t, s.h1).foreign()); diff != "" {
		t.Errorf("rows of others after all flows are gone:\n%s", diff)
	}
	if now := flowsOfOthers(t, s.h1); now != flows {
		t.Errorf("flows of others:\n%s", difference(flows, now))
	}
}

func (s *stage) hostDelete(t *testing.T) {
	t.Cleanup(foreigners(t, s.h3))
	before, flows := dump(t, s.h3).without("Open_vSwitch", "next_cfg", "cur_cfg"),
		flowsOfOthers(t, s.h3)

	s.register(t, s.h3)
	nic, near := s.hostSink(t, s.h3), s.guestSink(t, s.ids1, "brtap")
	for _, f := range []api.TapFlow{
		s.flow(t, nic, vswitch(s.h3, lab.Wire, 0, "BOTH")),
		s.flow(t, near, vswitch(s.h3, lab.Wire, 5, "BOTH")), s.flow(t, nic, vnic(s.web, "BOTH")),
	} {
		must(t, s.api.TapFlows().Delete(deadline(t), f.ID))
	}

	must(t, s.api.TapServices().Delete(deadline(t), nic.ID))
	must(t, s.api.Hosts().Delete(deadline(t), s.h3.Name, client.Wait(10*time.Second)))
	took := eventually(t, "the switch is as it was", func() error {
		d, err := read(s.h3)
		if err != nil {
			return err
		}
		if diff := before.differs(d.without("Open_vSwitch", "next_cfg", "cur_cfg")); diff != "" {
			return errorText(diff)
		}
		return nil
	})

	t.Logf("as before %v after the answer", took)
	if now := flowsOfOthers(t, s.h3); now != flows {
		t.Errorf("flows of others:\n%s", difference(flows, now))
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

func (s *stage) foreignBridge(t *testing.T) {
	_, err := s.h3.VSCtl("add-br", "brtap", "--", "set", "Bridge", "brtap", s.h3.DatapathType())
	must(t, err)
	gone := false
	t.Cleanup(func() {
		if !gone {
			_, err := s.h3.VSCtl("--if-exists", "del-br", "brtap")
			must(t, err)
		}
	})

	before := dump(t, s.h3)
	h, err := s.api.Hosts().Create(deadline(t), hostCreate(s.h3), client.Wait(5*time.Second))
	must(t, err)
	t.Cleanup(func() {
		must(t, s.api.Hosts().Delete(context.Background(), h.ID, client.Wait(5*time.Second)))
	})
	if h.Status != api.Error || !strings.Contains(h.Reason, "brtap") {
		t.Errorf("the host is %s: %q", h.Status, h.Reason)
	}

	to := s.guestSink(t, s.ids1, "brtap")
	f := s.flowAs(t, to.ID, vswitch(s.h3, lab.Wire, 0, "BOTH"))
	if f.Status != api.Error {
		t.Errorf("a flow there is %s: %q", f.Status, f.Reason)
	}

	if diff := before.differs(dump(t, s.h3)); diff != "" {
		t.Errorf("the switch was touched:\n%s", diff)
	}

	_, err = s.h3.VSCtl("del-br", "brtap")
	must(t, err)
	gone = true
	s.hostStatus(t, h.ID, api.Ready, "")
	s.flowStatus(t, f.ID, api.Ready, "")
}

// secondCluster has another controller with a directory of its own register a host of the first.
func (s *stage) secondCluster(t *testing.T) {
	to := s.guestSink(t, s.ids1, "brtap")
	s.flow(t, to, vnic(s.web, "BOTH"))
	before, flows := dump(t, s.h1), flowsOf(t, s.h1)
	second := startController(t, s.Controller, settings{api: 8641, openflow: 6654})
	h, err := second.api.Hosts().Create(deadline(t), hostCreate(s.h1), client.Wait(5*time.Second))
	must(t, err)
	if h.Status != api.Error {
		t.Errorf("the host is %s: %q", h.Status, h.Reason)
	}

	t.Log(h.Reason)
	must(t, second.api.Hosts().Delete(deadline(t), h.ID, client.Wait(5*time.Second)))
	if diff := before.differs(dump(t, s.h1)); diff != "" {
		t.Errorf("the switch was touched:\n%s", diff)
	}

	sameFlows(t, flows, flowsOf(t, s.h1))
	s.hostStatus(t, "h1", api.Ready, "")
	web := untaggedKinds(s.web.MAC(), s.db.MAC())
	send(t, s.web, web...)
	exactly(t, "copies", lab.MultisetOf(web), to.Capture)
}
