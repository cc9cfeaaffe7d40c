//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// TestOffOnTime: a tap flow starts and ends on time, also where no controller runs at the time, and
// stays off until it gets another expiry.
func TestOffOnTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1)
	h1 := w.Hosts[0]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h1, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))

	w.run(t, "while the controller runs", func(t *testing.T) {
		w.stillCopies(t, to, web, db.MAC())
		w.expires(t, flow.ID, time.Now().Add(500*time.Millisecond))
		w.flowStatus(t, flow.ID, api.Disabled, "expired at")
		w.nothingCopied(t, to, web, to.guest.MAC())

		_, err := w.api.TapFlows().Enable(deadline(t), flow.ID)
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Problem.Status != 409 ||
			refused.Problem.Code != "expired" {
			t.Errorf("an expired tap flow is enabled: %v", err)
		}
	})

	w.run(t, "enabled with another expiry", func(t *testing.T) {
		w.exits(t, 0, "tap-flow-enable", flow.ID, "--for", "1h", "--wait", "10s")
		w.stillCopies(t, to, web, db.MAC())
	})

	w.run(t, "while no controller runs", func(t *testing.T) {
		expiry := time.Now().Add(time.Second)
		w.expires(t, flow.ID, expiry)
		w.stop(t, syscall.SIGKILL)
		eventually(t, "the time has passed", func() error {
			if left := time.Until(expiry); left > 0 {
				return fmt.Errorf("%v are left", left)
			}
			return nil
		})

		w.start(t)
		w.flowStatus(t, flow.ID, api.Disabled, "expired at")
		w.nothingCopied(t, to, web, to.guest.MAC())
		out, errs, code := w.tapctl(t, "audit-list", "--actor", "system", "-o", "json")
		if code != 0 || strings.Count(out, `"expire"`) != 2 {
			t.Errorf("the audit log has no two expiries: %s%s", out, errs)
		}
	})

	w.run(t, "from its start on", func(t *testing.T) {
		later := vnic(db, "OUT")
		start := time.Now().Add(3 * time.Second)
		later.StartsAt = &start
		later.TapID, later.Name = to.ID, "later"
		made, err := w.api.TapFlows().Create(deadline(t), later)
		must(t, err)
		w.deleteFlow(t, made.ID)
		if made.Status != api.Pending || made.ReasonCode != "scheduled" {
			t.Errorf("before its start it is %s: %s", made.Status, made.ReasonCode)
		}
		w.flowStatus(t, made.ID, api.Ready, "")
		if time.Now().Before(start) {
			t.Errorf("it has started before %v", start)
		}
		w.stillCopies(t, to, db, web.MAC())
	})
}

// expires has a tap flow expire at a time.
func (w *world) expires(t *testing.T, flow string, at time.Time) {
	t.Helper()
	_, err := w.api.TapFlows().Update(deadline(t), flow,
		api.TapFlowPatch{ExpiresAt: api.Set(at)})
	must(t, err)
}

// TestFilterIsRefusedWithItsPlace: what is wrong with a filter reaches the user as the plugin says
// it, and the tap flow stays as it is.
func TestFilterIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1)
	h1 := w.Hosts[0]
	to := w.guestSink(t, w.guest(t, h1, "ids"), "brtap")
	flow := w.flow(t, to, vnic(w.guest(t, h1, "web"), "OUT"))

	_, err := w.api.TapFlows().Update(deadline(t), flow.ID,
		api.TapFlowPatch{Filter: api.Set("tcp and prot 80")})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Problem.FilterError == nil {
		t.Fatalf("a wrong filter is not refused as such: %v", err)
	}
	if at := *refused.Problem.FilterError; at.Offset != 8 || at.Length != 4 || at.Problem == "" {
		t.Errorf("the place is told as %+v", at)
	}

	errs := w.exits(t, 1, "tap-flow-update", flow.ID, "--filter", "tcp and prot 80")
	if !strings.Contains(errs, "\n    tcp and prot 80\n            ^^^^\n") {
		t.Errorf("tapctl does not show the place: %s", errs)
	}
	w.flowStatus(t, flow.ID, api.Ready, "")
}
