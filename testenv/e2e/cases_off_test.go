//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestOffIsOnlySaidWhenItIs disables and deletes what runs on a host that cannot be reached. Its
// switch copies on, so nobody may say that it is off.
func TestOffIsOnlySaidWhenItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1)
	h1 := w.Hosts[0] // Both ends are there: another host would be programmed to drop what comes.
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	app, job := w.guest(t, h1, "app"), w.guest(t, h1, "job")
	to := w.guestSink(t, w.guest(t, h1, "ids"), "brtap")
	other := w.guestSink(t, w.guest(t, h1, "ids2"), "brtap")

	early := switchedOff{w.flow(t, to, vnic(web, "OUT")), w.flow(t, to, vnic(db, "OUT"))}
	late := switchedOff{w.flow(t, to, vnic(app, "OUT")), w.flow(t, to, vnic(job, "OUT"))}
	kept := w.flow(t, other, vnic(web, "BOTH"))
	must(t, h1.SetManagement(false))
	t.Cleanup(func() { must(t, h1.SetManagement(true)) })

	w.run(t, "before the disconnection is noticed", func(t *testing.T) {
		w.switchOff(t, early)
		w.stillCopies(t, to, web, db.MAC())
		w.stillCopies(t, to, db, web.MAC())
	})

	w.run(t, "after it", func(t *testing.T) {
		w.hostStatus(t, h1.Name, api.Pending, "not connected")
		w.switchOff(t, late)
		w.exits(t, 3, "tap-service-disable", other.ID, "--wait", "1s")
		w.serviceStatus(t, other.ID, api.Pending, h1.Name)

		w.notOff(t, early)
		w.stillCopies(t, to, app, job.MAC())
		w.stillCopies(t, to, job, app.MAC())
		w.stillCopies(t, other, web, db.MAC())
	})

	w.run(t, "a restarted controller says the same", func(t *testing.T) {
		w.stop(t, syscall.SIGTERM)
		w.start(t)
		w.notOff(t, early)
		w.notOff(t, late)
		w.serviceStatus(t, other.ID, api.Pending, h1.Name)
	})

	w.run(t, "off once the host is back", func(t *testing.T) {
		must(t, h1.SetManagement(true))
		for _, flows := range []switchedOff{early, late} {
			w.flowStatus(t, flows.disabled.ID, api.Disabled, "")
			w.flowGone(t, flows.deleted.ID)
		}
		w.serviceStatus(t, other.ID, api.Disabled, "")
		for _, g := range []*lab.Guest{web, db, app, job} {
			w.nothingCopied(t, to, g, to.guest.MAC())
		}
		w.nothingCopied(t, other, web, db.MAC())

		_, err := w.api.TapServices().Enable(deadline(t), other.ID, client.Wait(patience))
		must(t, err)
		w.flowStatus(t, kept.ID, api.Ready, "")
		w.stillCopies(t, other, web, db.MAC())
	})

	w.run(t, "a host is deleted while it cannot be reached", func(t *testing.T) {
		w.hostDeletedUnreachable(t, h1, kept.ID)
		w.nothingCopied(t, other, web, db.MAC())
	})
}

// hostDeletedUnreachable deletes a host that has something of ours and cannot be reached: that is
// refused or, by force, cleaned up when the host returns.
func (w *world) hostDeletedUnreachable(t *testing.T, h *lab.Host, flow string) {
	must(t, h.SetManagement(false))
	w.stop(t, syscall.SIGTERM)
	w.start(t) // It knows nothing yet of what the host has.
	w.hostStatus(t, h.Name, api.Pending, "")
	w.exits(t, 3, "tap-flow-delete", flow, "--wait", "100ms")
	w.flowStatus(t, flow, api.Deleting, h.Name)

	if errs := w.exits(t, 1, "host-delete", h.Name); !strings.Contains(errs, "--force") {
		t.Errorf("the refusal does not name --force: %s", errs)
	}
	w.hostStatus(t, h.Name, api.Pending, "")
	if mirrors, err := h.VSCtl("--columns=name", "list", "Mirror"); err != nil || mirrors == "" {
		t.Errorf("no mirror stands on the unreachable host any more: %v", err)
	}

	w.exits(t, 3, "host-delete", h.Name, "--force", "--wait", "100ms")
	w.hostStatus(t, h.Name, api.Deleting, "")

	// The tombstone outlives the controller.
	w.stop(t, syscall.SIGTERM)
	w.start(t)
	w.hostStatus(t, h.Name, api.Deleting, "")

	must(t, h.SetManagement(true))
	eventually(t, "the host is cleaned and gone", func() error {
		if _, err := w.api.Hosts().Get(deadline(t), h.Name); !client.IsStatus(err, 404) {
			return fmt.Errorf("it is still listed: %v", err)
		}
		return nil
	})
	mirrors, err := h.VSCtl("--columns=name", "list", "Mirror")
	must(t, err)
	bridges, err := h.VSCtl("list-br")
	must(t, err)
	if strings.TrimSpace(mirrors) != "" || strings.Contains(bridges, "brtap") {
		t.Errorf("left on the host: mirrors %q, bridges %q", mirrors, bridges)
	}
}

// switchedOff is a tap flow to disable and one to delete.
type switchedOff struct{ disabled, deleted api.TapFlow }

// switchOff switches both off on a host that cannot be reached.
func (w *world) switchOff(t *testing.T, flows switchedOff) {
	t.Helper()
	w.exits(t, 3, "tap-flow-disable", flows.disabled.ID, "--wait", "1s")
	w.exits(t, 3, "tap-flow-delete", flows.deleted.ID, "--wait", "1s")
	w.notOff(t, flows)
}

// notOff expects that both are still waited for, by the name of the first host.
func (w *world) notOff(t *testing.T, flows switchedOff) {
	t.Helper()
	w.flowStatus(t, flows.disabled.ID, api.Pending, w.Hosts[0].Name)
	w.flowStatus(t, flows.deleted.ID, api.Deleting, w.Hosts[0].Name)
}

// exits runs tapctl, expects an exit code and returns what it wrote as errors.
func (w *world) exits(t *testing.T, want int, args ...string) string {
	t.Helper()
	out, errs, code := w.tapctl(t, args...)
	if code != want {
		t.Errorf("tapctl %q: exit code %d, want %d: %s%s", args, code, want, out, errs)
	}
	return errs
}

// stillCopies shows that the switch copies what a guest sends.
func (w *world) stillCopies(t *testing.T, to *sink, from *lab.Guest, dst lab.MAC) {
	t.Helper()
	copies := to.anew(t)
	frames := numbered(from.MAC(), dst, 0, 64, 100)
	send(t, from, frames...)
	exactly(t, "copies of "+from.Name, lab.MultisetOf(frames), copies)
}

// flowGone waits until a tap flow is no longer listed.
func (w *world) flowGone(t *testing.T, id string) {
	t.Helper()
	eventually(t, "flow "+id+" is gone", func() error {
		if _, err := w.api.TapFlows().Get(deadline(t), id); !client.IsStatus(err, 404) {
			return fmt.Errorf("it is still listed: %v", err)
		}
		return nil
	})
}
