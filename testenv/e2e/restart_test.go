//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestRestart ends the controller and its plugin in every way while traffic flows. No row changes,
// no flow is written again and no copy is missing.
func TestRestart(t *testing.T) {
	for _, name := range []string{"tapctl", "otherplugin"} {
		program(t, name) // Built while frames flow, it would take the switches' processors.
	}

	w := newWorld(t, 3, 3)
	h1, h2, h3 := w.Hosts[0], w.Hosts[1], w.Hosts[2]
	web, app, far := w.guest(t, h1, "web"), w.guest(t, h2, "app"), w.guest(t, h3, "far")
	near, remote := w.guestSink(t, w.guest(t, h1, "ids1"), "brtap"),
		w.guestSink(t, w.guest(t, h2, "ids2"), "brtap")

	nic := w.hostSink(t, h3)
	flows := []api.TapFlow{
		w.flow(t, near, vnic(web, "BOTH")), w.flow(t, remote, vnic(web, "OUT")),
		w.flow(t, nic, vswitch(h1, lab.Wire, 0, "BOTH")),
		w.flow(t, remote, vnic(far, "OUT")),
	}

	sinks := map[string]*sink{"local": near, "remote": remote, "NIC": nic}
	hosts := []*lab.Host{h1, h2, h3}

	// unchanged checks that an action leaves the hosts as they are and, if it is lossless, that no
	// copy is missing. (A switch with the userspace datapath forwards nothing while its database is
	// away.)
	unchanged := func(t *testing.T, lossless bool, action func(t *testing.T)) {
		rows, installedFlows := make([]database, len(hosts)),
			make([]map[string]installed, len(hosts))

		for i, h := range hosts {
			rows[i], installedFlows[i] = dump(t, h), flowsOf(t, h)
		}

		source := capture(t, web.Node, "eth0", lab.Out)
		tag, traffic := stream(t, web, app.MAC(), 500)
		for _, to := range sinks {
			firstOf(t, to.Capture, tag, time.Time{})
		}

		action(t)
		firstOf(t, source, tag, time.Now().Add(200*time.Millisecond))
		err := traffic.Stop()
		must(t, err)
		must(t, source.WaitQuiet(deadline(t), quiet))
		for name, to := range sinks {
			must(t, to.WaitQuiet(deadline(t), quiet))
			if missing := missed(source, to.Capture, tag); missing != "" && lossless {
				t.Errorf("%s: %s", name, missing)
			}
		}

		for i, h := range hosts {
			diff := ""
			// the switch fills in again what a database forgets when it restarts
			_, _ = await(3*time.Second, func() error {
				if diff = rows[i].differs(dump(t, h)); diff != "" {
					return errors.New(diff)
				}
				return nil
			})

			if diff != "" {
				t.Errorf("rows of %s:\n%s", h.Name, diff)
			}

			sameFlows(t, installedFlows[i], flowsOf(t, h))
		}
	}

	ready := func(t *testing.T) {
		t.Helper()
		took := eventually(t, "everything ready", func() error {
			var all error
			for _, f := range flows {
				got, err := w.api.TapFlows().Get(deadline(t), f.ID)
				all = errors.Join(all, status(got.Status, got.Reason, err, api.Ready, ""))
			}
			return all
		})

		t.Logf("everything ready %v after it answered", took)
	}

	w.run(t, "counters go on", func(t *testing.T) {
		w.countersGoOn(t, h2, web, app, flows[1].ID, func() { ready(t) })
	})

	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		w.run(t, "controller ended by "+sig.String(), func(t *testing.T) {
			unchanged(t, true, func(t *testing.T) {
				begin := time.Now()
				w.stop(t, sig)
				w.start(t)
				t.Logf("down for %v", time.Since(begin))
				ready(t)
			})
		})
	}

	w.run(t, "plugin killed", func(t *testing.T) {
		unchanged(t, true, func(t *testing.T) {
			for range 2 {
				old := w.children()
				if len(old) == 0 {
					t.Fatal("the controller has no plugin process")
				}

				for _, pid := range old {
					must(t, syscall.Kill(pid, syscall.SIGKILL))
				}

				took := eventually(t, "another plugin", func() error {
					for _, pid := range w.children() {
						if pid != old[0] {
							return w.api.Ready(deadline(t))
						}
					}
					return fmt.Errorf("children %v", w.children())
				})

				t.Logf("another plugin after %v", took)
				ready(t)
			}
		})
	})

	w.run(t, "plugin replaced while it runs", func(t *testing.T) {
		unchanged(t, true, func(t *testing.T) {
			for how, reload := range map[string]func(){
				"by command": func() {
					if out, errs, code := w.tapctl(t, "plugin-reload", "mirror"); code != 0 {
						t.Errorf("tapctl plugin-reload: exit code %d: %s%s", code, out, errs)
					}
				},
				"by SIGHUP": func() { must(t, w.cmd.Process.Signal(syscall.SIGHUP)) },
			} {
				old := w.children()
				begin := time.Now()
				reload()
				eventually(t, "another plugin "+how, func() error {
					if now := w.children(); len(now) != 1 || now[0] == old[0] {
						return fmt.Errorf("children %v, before %v", now, old)
					}
					return w.api.Ready(deadline(t))
				})

				t.Logf("replaced %s within %v", how, time.Since(begin))
				ready(t)
			}
		})
	})

	w.run(t, "plugin that is no good does not take over", func(t *testing.T) {
		before, err := os.ReadFile(w.config)
		must(t, err)
		t.Cleanup(func() { must(t, os.WriteFile(w.config, before, 0o600)) })
		unchanged(t, true, func(t *testing.T) {
			old := w.children()
			for more, want := range map[string]string{
				"plugins: [{name: mirror, path: /nowhere/at-all}]": "/nowhere/at-all",
				fmt.Sprintf("plugins: [{name: mirror, path: %s}]",
					program(t, "otherplugin")): "version",
				fmt.Sprintf("plugins: [{name: mirror, path: %s, sha256: %s}]",
					program(t, "tapline-mirror"), strings.Repeat("ab", 32)): "SHA-256",
				fmt.Sprintf("plugins: [{name: mirror, path: %s, config: {bridge: other}}]",
					program(t, "tapline-mirror")): "restart the controller",
				fmt.Sprintf("plugins: [{name: mirror, path: %s, config: {bridge: brtap, x: 1}}]",
					program(t, "tapline-mirror")): "x",
			} {
				must(t, os.WriteFile(w.config, append(append([]byte{}, before...), more...), 0o600))
				_, err := w.api.Plugins().Reload(deadline(t), "mirror")
				if !client.IsStatus(err, 409) || !strings.Contains(fmt.Sprint(err), want) ||
					!strings.Contains(fmt.Sprint(err), "the plugin that runs goes on") {
					t.Errorf("%s: %v; want 409 with %q", more, err, want)
				}
			}

			if now := w.children(); len(now) != 1 || now[0] != old[0] {
				t.Errorf("children %v, before %v", now, old)
			}

			must(t, w.api.Ready(deadline(t)))
		})
	})

	w.run(t, "commands while the plugin is away", func(t *testing.T) {
		for _, pid := range w.children() {
			must(t, syscall.Kill(pid, syscall.SIGKILL))
		}

		begin := time.Now()
		eventually(t, "a flow can be made", func() error {
			f, err := w.api.TapFlows().Create(deadline(t), api.TapFlowCreate{
				Name: unique("flow"), TapID: near.ID, Type: "vnic", GuestID: web.ID,
				Direction: "IN"})
			if err != nil {
				return err
			}
			w.deleteFlow(t, f.ID)
			w.flowStatus(t, f.ID, api.Ready, "")
			return nil
		})

		t.Logf("a flow stood %v after the plugin was killed", time.Since(begin))
	})

	for _, h := range hosts {
		w.run(t, "database of "+h.Name+" restarts", func(t *testing.T) {
			unchanged(t, false, func(t *testing.T) {
				must(t, h.RestartOVSDB(deadline(t)))
				w.hostStatus(t, h.Name, api.Ready, "")
				ready(t)
			})
		})
	}

	w.run(t, "a database is away for a while", func(t *testing.T) {
		unchanged(t, false, func(t *testing.T) {
			must(t, h3.StopOVSDB())
			w.hostStatus(t, h3.Name, api.Pending, "")
			must(t, h3.StartOVSDB(deadline(t)))
			w.hostStatus(t, h3.Name, api.Ready, "")
			ready(t)
		})
	})

	w.run(t, "restart while a host is down", func(t *testing.T) {
		unchanged(t, false, func(t *testing.T) {
			must(t, h3.StopOVSDB())
			w.stop(t, syscall.SIGKILL)
			w.start(t)
			for _, i := range []int{0, 1} {
				w.flowStatus(t, flows[i].ID, api.Ready, "")
			}
			w.flowStatus(t, flows[3].ID, api.Pending, "not reached")
			must(t, h3.StartOVSDB(deadline(t)))
			ready(t)
		})
	})
}

// missed lists the frames of a stream, sent after the first copy came, that were not copied exactly
// once; "" if there are none.
func missed(source, copies *lab.Capture, tag uint32) string {
	seen, lowest := map[uint64]int{}, ^uint64(0)
	for _, f := range copies.Frames() {
		if _, seq, _ := lab.Sequence(f.Data); of(tag)(f) {
			seen[seq]++
			lowest = min(lowest, seq)
		}
	}

	var wrong []string // runs of frames that were copied equally often
	total, all := 0, 0
	var first, last uint64
	end := func() {
		if len(wrong) > 0 {
			wrong[len(wrong)-1] = fmt.Sprintf("%d-%d: %d", first, last, seen[first])
		}
	}
	for _, f := range source.Frames() {
		if _, seq, _ := lab.Sequence(f.Data); of(tag)(f) && seq >= lowest {
			total++
			if seen[seq] == 1 {
				continue
			}
			all++
			if len(wrong) == 0 || seq != last+1 || seen[seq] != seen[first] {
				end()
				wrong, first = append(wrong, ""), seq
			}
			last = seq
		}
	}
	end()

	if len(wrong) == 0 {
		return ""
	}

	return fmt.Sprintf("of %d frames from %d on, %d were not copied once: %.300s", total, lowest,
		all, fmt.Sprint(wrong))
}
