//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
	"github.com/tapline-sdn/tapline/testenv/release"
)

// TestOnce has the flows of the source bridge change packets, and has connection tracking take them
// up again, as OVN does. Newer releases of Open vSwitch mirror a packet again where it was changed.
func TestOnce(t *testing.T) {
	var options []lab.Option
	if os.Getenv(release.Variable) == "" {
		options = append(options, lab.WithReleases(otherRelease, release.System))
	}

	w := newWorld(t, 2, 2, options...)
	h1 := w.Hosts[0]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	ids := w.guest(t, w.Hosts[1], "ids")
	rewrite(t, h1, web)

	// talk has web send new and known connections, and returns what it sent and db received.
	talk := func(t *testing.T) (sent, received lab.Multiset) {
		out, in := capture(t, web.Node, "eth0", lab.Out), capture(t, db.Node, "eth0", lab.In)
		frames := numbered(web.MAC(), db.MAC(), 0, 60, 100, 200, 1000, 1514)
		send(t, web, frames...)
		send(t, web, frames...)
		return settled(t, out, 2*len(frames)), settled(t, in, 2*len(frames))
	}

	w.run(t, "vswitch BOTH", func(t *testing.T) {
		to := w.guestSink(t, ids, "brtap")
		w.flow(t, to, vswitch(h1, lab.Wire, 0, "BOTH"))
		sent, received := talk(t)
		if lab.Diff(sent, received) == "" {
			t.Error("the bridge has not changed the frames")
		}
		exactly(t, "copies", sent, to.Capture)
	})

	w.run(t, "vnic OUT", func(t *testing.T) {
		to := w.guestSink(t, ids, "brtap")
		w.flow(t, to, vnic(web, "OUT"))
		sent, _ := talk(t)
		exactly(t, "copies", sent, to.Capture)
	})

	w.run(t, "vnic IN", func(t *testing.T) {
		to := w.guestSink(t, ids, "brtap")
		w.flow(t, to, vnic(db, "IN"))
		_, received := talk(t)
		exactly(t, "copies", received, to.Capture)
	})

	w.run(t, "a port that is plugged later", func(t *testing.T) {
		to := w.guestSink(t, ids, "brtap")
		f := w.flow(t, to, vswitch(h1, lab.Wire, 0, "BOTH"))
		late := w.guest(t, h1, unique("late"))
		eventually(t, "the new port is mirrored", func() error {
			return w.mirrorSelects(t, h1, late.IfName())
		})
		w.flowStatus(t, f.ID, "ready", "")

		frames := numbered(late.MAC(), db.MAC(), 0, 60, 1514)
		send(t, late, frames...)
		exactly(t, "copies", lab.MultisetOf(frames), to.Capture)
		w.neverSaid(t, "repaired what somebody else has changed")
	})
}

// rewrite makes br0 decrement the TTL of what a guest sends, and track its connections.
func rewrite(t *testing.T, h *lab.Host, from *lab.Guest) {
	t.Helper()
	port, err := h.VSCtl("get", "Interface", from.IfName(), "ofport")
	must(t, err)
	for _, flow := range []string{
		"table=0,priority=0,actions=NORMAL",
		"table=0,priority=10,ip,in_port=" + port + ",actions=dec_ttl,ct(table=1,zone=5)",
		"table=1,ip,ct_state=+new+trk,actions=dec_ttl,ct(commit,zone=5,table=2)",
		"table=1,ip,ct_state=+est+trk,actions=dec_ttl,resubmit(,2)",
		"table=2,priority=0,actions=NORMAL",
	} {
		_, err := h.OFCtl("add-flow", lab.WireBridge, flow)
		must(t, err)
	}
}

// mirrorSelects is an error if the mirror of a host does not select a port as a source.
func (w *world) mirrorSelects(t *testing.T, h *lab.Host, port string) error {
	t.Helper()
	id, err := h.VSCtl("get", "Port", port, "_uuid")
	must(t, err)
	selected, err := h.VSCtl("--bare", "--columns=select_src_port", "list", "Mirror")
	must(t, err)
	if !strings.Contains(selected, id) {
		return fmt.Errorf("it selects %q, want %s among them", selected, id)
	}
	return nil
}

// neverSaid fails if the controller's log has a text.
func (w *world) neverSaid(t *testing.T, text string) {
	t.Helper()
	log, err := os.ReadFile(w.log)
	must(t, err)
	if strings.Contains(string(log), text) {
		t.Errorf("the controller's log says %q", text)
	}
}
