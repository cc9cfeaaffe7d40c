package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestNICThatStandsSomewhere asks for the host's uplink as tap NIC, and for a NIC that a guest has
// on an ordinary bridge. The former stays where it is. The latter is moved while its service is
// enabled, and goes back.
func TestNICThatStandsSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1)
	h := w.Hosts[0]
	ids := w.guest(t, h, "ids")
	bridgeOf := func(port string) string {
		t.Helper()
		out, err := h.VSCtl("port-to-br", port)
		must(t, err)
		return strings.TrimSpace(out)
	}

	stands := func(port, bridge string) {
		t.Helper()
		eventually(t, port+" on "+bridge, func() error {
			if at := bridgeOf(port); at != bridge {
				return fmt.Errorf("it is on %s", at)
			}
			return nil
		})
	}

	mac, err := h.VSCtl("get", "Interface", lab.WireUplink, "mac_in_use")
	must(t, err)
	_, err = w.api.TapServices().Create(deadline(t), api.TapServiceCreate{Name: "grab",
		Type: "guest", TargetID: ids.ID, MACAddr: strings.Trim(strings.TrimSpace(mac), `"`)})
	if !client.IsStatus(err, 409) || !strings.Contains(err.Error(), lab.WireUplink) {
		t.Errorf("the uplink as tap NIC: %v", err)
	}

	stands(lab.WireUplink, lab.WireBridge)

	s := w.guestService(t, ids)
	plugTap(t, ids, s, lab.WireBridge)
	for range 2 {
		_, err = w.api.TapServices().Enable(deadline(t), s.ID, client.Wait(10*time.Second))
		must(t, err)
		stands(s.IfName, "brtap")
		_, err = w.api.TapServices().Disable(deadline(t), s.ID, client.Wait(10*time.Second))
		must(t, err)
		stands(s.IfName, lab.WireBridge)
	}

	_, err = w.api.TapServices().Enable(deadline(t), s.ID, client.Wait(10*time.Second))
	must(t, err)
	must(t, w.api.TapServices().Delete(deadline(t), s.ID, client.Wait(10*time.Second)))
	stands(s.IfName, lab.WireBridge)
}
