//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestRebuiltCollector changes the address of the underlay where a collector stands, as when its
// host is rebuilt. The source's switch keeps the old one for minutes by itself; copies come again
// at once.
func TestRebuiltCollector(t *testing.T) {
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, db := w.guest(t, h1, "web"), w.guest(t, h1, "db")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")

	w.run(t, "the collector's host is rebuilt", func(t *testing.T) {
		flow := w.flow(t, to, vnic(web, "OUT"))
		tag, traffic := stream(t, web, db.MAC(), 200)
		t.Cleanup(func() { _ = traffic.Stop() })
		firstOf(t, to.Capture, tag, time.Time{})

		for _, hwaddr := range []string{"02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd:02"} {
			_, err := h2.VSCtl("set", "Bridge", lab.UnderlayBridge, "other_config:hwaddr="+hwaddr)
			must(t, err)
			changed := time.Now()
			eventually(t, "the underlay's address is another", func() error {
				shown, err := h2.VSCtl("get", "Interface", lab.UnderlayBridge, "mac_in_use")
				if err == nil && shown != "\""+hwaddr+"\"\n" && shown != "\""+hwaddr+"\"" {
					err = fmt.Errorf("it is %s", shown)
				}
				return err
			})

			// Copies that were on their way do not count.
			first := firstOf(t, to.Capture, tag, time.Now().Add(200*time.Millisecond))
			if took := first.Sub(changed); took > 1500*time.Millisecond {
				t.Errorf("the first copy came %v after the change", took)
			}
		}

		must(t, traffic.Stop())
		w.flowStatus(t, flow.ID, api.Ready, "")
	})
}
