//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestOperation is what befalls a controller in its operation, while hosts go on mirroring.
func TestOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, app := w.guest(t, h1, "web"), w.guest(t, h2, "app")
	to := w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))
	w.flow(t, to, vnic(app, "OUT"))

	w.run(t, "rates with two source hosts", func(t *testing.T) { w.steadyRates(t, to, web, app) })
	w.run(t, "a second controller of a copied data directory", func(t *testing.T) {
		w.rival(t, flow.ID)
	})
	w.run(t, "watchers leave hosts their descriptors", func(t *testing.T) {
		w.manyWatchers(t, flow.ID)
	})
	w.run(t, "the data directory is lost", func(t *testing.T) { w.lostDirectory(t) })
}

// steadyRates has two hosts send 20 packets a second each: the service's rates are their sum, in
// each reading.
func (w *world) steadyRates(t *testing.T, to *sink, sources ...*lab.Guest) {
	const each = 20
	for _, g := range sources {
		_, running := stream(t, g, to.guest.MAC(), each)
		t.Cleanup(func() { _ = running.Stop() })
	}

	want := float64(each * len(sources))
	near := func(rate float64) bool { return rate > 0.8*want && rate < 1.2*want }
	rates := func() (captured, delivered float64, at time.Time, err error) {
		s, err := w.api.TapServices().Get(deadline(t), to.ID)
		if err != nil || s.Counters.Delivered == nil || s.Counters.SampledAt == nil {
			return 0, 0, time.Time{}, fmt.Errorf("no counters yet: %w", err)
		}
		return s.Counters.Captured.PacketsPerSecond, s.Counters.Delivered.PacketsPerSecond,
			*s.Counters.SampledAt, nil
	}

	// Rates are those of the last seconds: the beginning of the traffic has to leave them first.
	var last time.Time
	eventually(t, "the rates are those of the traffic", func() error {
		captured, delivered, at, err := rates()
		if err == nil && !(near(captured) && near(delivered)) {
			err = fmt.Errorf("captured %.1f, delivered %.1f, want %.0f", captured, delivered, want)
		}
		last = at
		return err
	})
	for range 3 {
		eventually(t, "another reading", func() error {
			captured, delivered, at, err := rates()
			switch {
			case err != nil:
				return err
			case !at.After(last):
				return fmt.Errorf("the last one is of %v", at)
			case !near(captured) || !near(delivered):
				t.Errorf("captured %.1f, delivered %.1f, want %.0f", captured, delivered, want)
			}
			last = at
			return nil
		})
	}
}

// rival starts a second controller from a copy of the data directory. It stands back and says why,
// and takes over when the first one has ended.
func (w *world) rival(t *testing.T, flow string) {
	w.stop(t, syscall.SIGTERM)
	copied := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", w.dataDir, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.start(t)
	w.flowStatus(t, flow, api.Ready, "")

	targets := func() (all string) {
		for _, h := range w.Hosts {
			target, err := h.VSCtl("get-controller", "brtap")
			must(t, err)
			all += target
		}
		return all
	}
	before := targets()
	second := &world{Lab: w.Lab, controller: startController(t, w.Lab.Controller,
		settings{dataDir: copied, api: 8641, openflow: 6654})}
	for _, h := range w.Hosts {
		second.hostStatus(t, h.Name, api.Pending, "another controller with the same cluster id")
	}
	if now := targets(); now != before {
		t.Errorf("the controllers of the switches were\n%sand are\n%s", before, now)
	}
	w.flowStatus(t, flow, api.Ready, "")

	w.stop(t, syscall.SIGTERM)
	second.flowStatus(t, flow, api.Ready, "")
	second.stop(t, syscall.SIGTERM)
	w.start(t)
	w.flowStatus(t, flow, api.Ready, "")
}

// manyWatchers has more clients than the controller has descriptors. Hosts connect all the same.
func (w *world) manyWatchers(t *testing.T, flow string) {
	w.stop(t, syscall.SIGTERM)
	w.wrap = []string{"prlimit", "--nofile=256"}
	w.start(t)
	w.flowStatus(t, flow, api.Ready, "")

	token, err := os.ReadFile(filepath.Join(w.dataDir, "admin.token"))
	must(t, err)
	request := "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
		strings.TrimSpace(string(token)) + "\r\n\r\n"
	var watchers []net.Conn
	closeAll := func() {
		for _, c := range watchers {
			_ = c.Close()
		}
	}
	defer closeAll()
	for range 300 {
		c, err := w.node.Dial(deadline(t), "tcp", strings.TrimPrefix(w.server, "http://"))
		must(t, err)
		watchers = append(watchers, c)
		_, _ = c.Write([]byte(request)) // One that is turned away may be closed already.
	}

	for _, h := range w.Hosts {
		must(t, h.RestartOVSDB(deadline(t)))
	}
	eventually(t, "both hosts connect again", func() error {
		for _, h := range w.Hosts {
			if at := strings.LastIndex(w.logText(), "OVSDB connected\" host="+h.Name); at < 0 ||
				strings.Contains(w.logText()[at:], "OVSDB connection ended\" host="+h.Name) {
				return fmt.Errorf("%s is not connected", h.Name)
			}
		}
		return nil
	})

	closeAll()
	w.stop(t, syscall.SIGTERM)
	w.wrap = nil
	w.start(t)
	w.flowStatus(t, flow, api.Ready, "")
}

// lostDirectory starts a controller anew, without its data. What the old one has left on the hosts
// is named, with the command that removes it.
func (w *world) lostDirectory(t *testing.T) {
	w.stop(t, syscall.SIGTERM)
	t.Cleanup(func() { w.start(t) }) // Clean-ups of the test need it.
	anew := &world{Lab: w.Lab, controller: startController(t, w.Lab.Controller,
		settings{api: 8641, openflow: 6654})}
	for _, h := range w.Hosts {
		_, err := anew.api.Hosts().Create(deadline(t), hostCreate(h), client.Wait(time.Second))
		must(t, err)
		eventually(t, h.Name+" names what was left there", func() error {
			shown, err := anew.api.Hosts().Get(deadline(t), h.Name)
			if err == nil && !strings.Contains(shown.Reason, "tapline cleanup --ovsdb") {
				err = fmt.Errorf("it is %s: %s", shown.Status, shown.Reason)
			}
			return err
		})
	}
	anew.stop(t, syscall.SIGTERM)
}
