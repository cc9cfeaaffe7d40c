//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestFollow moves and restarts sources, collectors and switches.
func TestFollow(t *testing.T) {
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db, app := w.guest(t, h1, "web"), w.guest(t, h1, "db"), w.guest(t, h2, "app")
	ids := w.guest(t, h2, "ids")
	to := w.guestSink(t, ids, "brtap")
	flow := w.flow(t, to, vnic(web, "BOTH"))
	ctx := context.Background()

	// follows performs an action, waits for copies and for ready, compares frames, and logs how
	// long it took.
	follows := func(t *testing.T, action func() error) {
		t.Helper()
		tag, traffic := stream(t, web, db.MAC(), 200)
		firstOf(t, to.Capture, tag, time.Time{})
		begin := time.Now()
		must(t, action())
		done := time.Now()
		first := firstOf(t, to.Capture, tag, done)
		w.flowStatus(t, flow.ID, api.Ready, "")
		w.serviceStatus(t, to.ID, api.Ready, "")
		t.Logf("took %v; first copy %v after that, ready %v after that", done.Sub(begin),
			first.Sub(done), time.Since(done))

		err := traffic.Stop()
		must(t, err)
		last := rand.Uint32() // Copies come in order, however late.
		send(t, web, lab.UDP{Src: web.MAC(), Dst: db.MAC(), Tag: last, Len: 60}.Frame())
		firstOf(t, to.Capture, last, time.Time{})
		must(t, to.WaitQuiet(deadline(t), quiet))
		source, copies := capture(t, web.Node, "eth0", lab.Both),
			capture(t, ids.Node, to.nic.Device, lab.In)

		frames := append(untaggedKinds(web.MAC(), db.MAC()),
			numbered(web.MAC(), app.MAC(), 100, 64, 1518)...)

		answers := untaggedKinds(app.MAC(), web.MAC())
		send(t, web, frames...)
		send(t, app, answers...)
		exactly(t, "copies", settled(t, source, len(frames)+len(answers)), copies)
	}

	// clean holds that nothing of the flow is left on a host: no port, mirror or flow but the tap
	// bridge's own.
	clean := func(t *testing.T, h *lab.Host) {
		t.Helper()
		eventually(t, "nothing is left on "+h.Name, func() error {
			d, err := read(h)
			if err != nil {
				return err
			}

			for key, r := range d {
				if strings.HasPrefix(r["name"], "tlm-") || strings.HasPrefix(r["name"], "tlt-") ||
					strings.HasPrefix(key, "Mirror/") {
					return fmt.Errorf("%s %s", key, r["name"])
				}
			}

			flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
			for _, kind := range []string{"cookie=0x74610002", "cookie=0x74610003"} {
				if strings.Contains(flows, kind) {
					return fmt.Errorf("flows:\n%s", flows)
				}
			}

			return err
		})
	}

	w.run(t, "source restarts", func(t *testing.T) {
		follows(t, func() error { return web.Restart(ctx) })
	})

	w.run(t, "source restarts ten times", func(t *testing.T) {
		follows(t, func() error {
			for range 10 {
				if err := web.Restart(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	})

	w.run(t, "collector's NIC is plugged again", func(t *testing.T) {
		follows(t, func() error {
			if err := to.nic.Unplug(ctx); err != nil {
				return err
			}
			return to.nic.Plug(ctx)
		})
	})

	w.run(t, "source moves to the collector's host", func(t *testing.T) {
		follows(t, func() error { return web.MoveTo(ctx, h2) })
		clean(t, h1)
	})

	w.run(t, "collector moves away", func(t *testing.T) {
		follows(t, func() error { return ids.MoveTo(ctx, h1) })
	})

	w.run(t, "source moves after it", func(t *testing.T) {
		follows(t, func() error { return web.MoveTo(ctx, h1) })
		clean(t, h2)
	})

	w.run(t, "collector moves back", func(t *testing.T) {
		follows(t, func() error { return ids.MoveTo(ctx, h2) })
	})

	w.run(t, "both move", func(t *testing.T) {
		follows(t, func() error {
			if err := web.MoveTo(ctx, h2); err != nil {
				return err
			}
			return ids.MoveTo(ctx, h1)
		})
	})

	w.run(t, "both move back", func(t *testing.T) {
		follows(t, func() error {
			if err := ids.MoveTo(ctx, h2); err != nil {
				return err
			}
			return web.MoveTo(ctx, h1)
		})
	})

	w.run(t, "source is off for a while", func(t *testing.T) {
		follows(t, func() error {
			if err := web.Unplug(ctx); err != nil {
				return err
			}
			w.flowStatus(t, flow.ID, api.Pending, "not seen on any host")
			clean(t, h1)
			clean(t, h2)
			return web.Plug(ctx)
		})
	})

	w.run(t, "collector is off for a while", func(t *testing.T) {
		follows(t, func() error {
			if err := to.nic.Unplug(ctx); err != nil {
				return err
			}
			w.flowStatus(t, flow.ID, api.Pending, "not plugged")
			w.serviceStatus(t, to.ID, api.Pending, "not plugged")
			clean(t, h1) // the source does not send to nobody
			clean(t, h2)
			return to.nic.Plug(ctx)
		})
	})

	w.run(t, "both move at once, and cross each other", func(t *testing.T) {
		for _, to := range [][2]*lab.Host{{h2, h1}, {h1, h2}} {
			follows(t, func() error {
				moved := make(chan error, 1)
				go func() { moved <- ids.MoveTo(ctx, to[1]) }()
				return errors.Join(web.MoveTo(ctx, to[0]), <-moved)
			})
		}
	})

	w.run(t, "source's port is renamed", func(t *testing.T) {
		follows(t, func() error {
			nic, name := web.NICs[0], "vnet-renamed"
			if err := web.Unplug(ctx); err != nil {
				return err
			}
			if _, err := h1.Run(ctx, "ip", "link", "set", nic.IfName, "name", name); err != nil {
				return err
			}
			nic.IfName = name
			return web.Plug(ctx)
		})
	})

	w.run(t, "source's VLAN changes", func(t *testing.T) {
		follows(t, func() error {
			if _, err := h1.VSCtl("set", "Port", web.IfName(), "tag=9"); err != nil {
				return err
			}

			tagged := capture(t, ids.Node, to.nic.Device, lab.In)
			if err := tagged.Wait(deadline(t), func(frames []lab.Frame) bool {
				return slices.ContainsFunc(frames,
					func(f lab.Frame) bool { return lab.VLANOf(f.Data) == 9 })
			}); err != nil {
				return err
			}

			_, err := h1.VSCtl("clear", "Port", web.IfName(), "tag")
			return err
		})
	})

	w.run(t, "source's bridge is deleted and made again", func(t *testing.T) {
		follows(t, func() error {
			if _, err := h1.VSCtl("del-br", lab.WireBridge); err != nil {
				return err
			}

			w.flowStatus(t, flow.ID, api.Pending, "")
			clean(t, h1)
			if _, err := h1.VSCtl("add-br", lab.WireBridge, "--", "set", "Bridge", lab.WireBridge,
				h1.DatapathType(), "fail_mode=standalone",
				"--", "add-port", lab.WireBridge, lab.WireUplink); err != nil {
				return err
			}

			return errors.Join(db.Plug(ctx), web.Plug(ctx))
		})
	})

	for _, side := range []struct {
		name string
		host *lab.Host
	}{{"source", h1}, {"collector", h2}} {
		for _, c := range []struct {
			name   string
			action func() error
		}{
			{"switch restarts", func() error { return side.host.RestartVSwitchd(ctx) }},
			{"switch is killed", func() error {
				if err := side.host.KillVSwitchd(); err != nil {
					return err
				}
				return side.host.StartVSwitchd(ctx)
			}},
			{"database restarts", func() error { return side.host.RestartOVSDB(ctx) }},
		} {
			w.run(t, side.name+"'s "+c.name, func(t *testing.T) { follows(t, c.action) })
		}
	}
}
