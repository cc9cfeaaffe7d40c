//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// replicaLease is that of the replicas: the default.
const replicaLease = 3 * time.Second

// member is one of the members of etcd that run beside the replicas.
type member struct {
	name, url string
	args      []string
	node      *lab.Node
	cmd       *exec.Cmd
}

func (m *member) start(t testing.TB) {
	t.Helper()
	m.cmd = m.node.Command(context.Background(), "etcd", m.args...)
	must(t, m.cmd.Start())
}

func (m *member) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

// startMembers starts a cluster of three members of etcd. They end with the test.
func startMembers(t *testing.T, node *lab.Node) []*member {
	t.Helper()
	etcdtest.Require(t)
	var all []*member
	var initial []string
	for i := range 3 {
		initial = append(initial, fmt.Sprintf("m%d=http://127.0.0.1:%d", i, 23800+i))
	}

	for i := range 3 {
		m := &member{
			name: fmt.Sprintf("m%d", i), url: fmt.Sprintf("http://127.0.0.1:%d", 23790+i),
			node: node,
		}
		_, peer, _ := strings.Cut(initial[i], "=")
		m.args = []string{
			"--name", m.name, "--log-level", "error", "--unsafe-no-fsync",
			"--data-dir", filepath.Join(t.TempDir(), "etcd"),
			"--listen-client-urls", m.url, "--advertise-client-urls", m.url,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(initial, ","),
		}
		m.start(t)
		t.Cleanup(m.kill)
		all = append(all, m)
	}
	return all
}

// fleetOfThree is a lab with three replicas of the controller.
type fleetOfThree struct {
	*world
	members  []*member
	replicas []*controller
	proxies  [][]*etcdtest.Proxy // of each replica to each member
}

// startReplicas starts a lab with members of etcd and replicas, and registers its hosts. The
// world's controller is the first replica, which passes on what it cannot do itself.
func startReplicas(t *testing.T, hosts int) *fleetOfThree {
	t.Helper()
	l := lab.Start(t, hosts)
	f := &fleetOfThree{members: startMembers(t, l.Controller)}

	for i := range 3 {
		f.replicas = append(f.replicas, f.startReplica(t, l.Controller, i))
	}
	f.world = &world{Lab: l, controller: f.replicas[0]}
	for _, h := range l.Hosts {
		f.register(t, h)
	}
	t.Cleanup(func() {
		for i, c := range f.replicas {
			if t.Failed() {
				t.Logf("log of c%d:\n%s", i, c.logTail())
			}
		}
	})
	return f
}

func (f *fleetOfThree) startReplica(t *testing.T, node *lab.Node, i int) *controller {
	t.Helper()
	var endpoints []string
	var proxies []*etcdtest.Proxy
	for _, m := range f.members {
		to := strings.TrimPrefix(m.url, "http://")
		listener, err := node.Listen(context.Background(), "tcp", "127.0.0.1:0")
		must(t, err)
		p := etcdtest.ProxyAt(t, listener, func() (net.Conn, error) {
			return node.Dial(context.Background(), "tcp", to)
		})
		proxies, endpoints = append(proxies, p), append(endpoints, fmt.Sprintf("%q", p.URL))
	}
	f.proxies = append(f.proxies, proxies)

	// The admin token is the same everywhere.
	dir := filepath.Join(t.TempDir(), "data")
	must(t, os.Mkdir(dir, 0o700))
	token := []byte(strings.Repeat("0123456789", 4) + "\n")
	must(t, os.WriteFile(filepath.Join(dir, "admin.token"), token, 0o600))
	return startController(t, node, settings{
		dataDir: dir, api: 8640 + i, openflow: 6653 + i,
		more: fmt.Sprintf("store: {driver: etcd, endpoints: [%s]}\n"+
			"replica: {name: c%d, url: \"http://127.0.0.1:%d\", lease: %v}\n",
			strings.Join(endpoints, ","), i, 8640+i, replicaLease),
	})
}

// leader returns the index of the replica that leads, as the replica that is asked says.
func (f *fleetOfThree) leader(t *testing.T, asked *controller) int {
	t.Helper()
	leads := -1
	eventually(t, "a leader", func() error {
		list, err := asked.api.Replicas(deadline(t))
		if err != nil {
			return err
		}
		for _, r := range list.Replicas {
			if r.Role == api.RoleLeader {
				leads = slices.Index([]string{"c0", "c1", "c2"}, r.Name)
				return nil
			}
		}
		return fmt.Errorf("%v", list.Replicas)
	})
	return leads
}

// change writes a new description, by whichever of the replicas takes it, and returns how long that
// has taken.
func (f *fleetOfThree) change(
	t *testing.T, by []*controller, flow, text string, limit time.Duration,
) time.Duration {
	t.Helper()
	took, err := await(limit, func() error {
		var last error
		for _, c := range by {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			patch := api.TapFlowPatch{Description: api.Set(text)}
			_, last = c.api.TapFlows().Update(ctx, flow, patch)
			cancel()
			if last == nil {
				return nil
			}
		}
		return last
	})
	if err != nil {
		t.Fatalf("no change was accepted within %v: %v", limit, err)
	}
	return took
}

// standsBy returns an error unless a replica says that it stands by, and knows who leads.
func standsBy(t *testing.T, c *controller) error {
	ready, err := c.api.ReadyParts(deadline(t))
	if err != nil {
		return err
	}
	for _, p := range ready.Parts {
		if p.Name == "replica" && strings.Contains(p.Detail, "stands by; ") {
			return nil
		}
	}
	return fmt.Errorf("%v", ready.Parts)
}

// uuids are the rows that the switch has, by table. The Controller row is the new leader's own.
func uuids(t *testing.T, h *lab.Host) string {
	t.Helper()
	var out []string
	for _, table := range []string{"Bridge", "Port", "Interface", "Mirror"} {
		text, err := h.VSCtl("--columns=_uuid", "--bare", "list", table)
		must(t, err)
		rows := strings.Fields(text)
		slices.Sort(rows)
		out = append(out, table+" "+strings.Join(rows, " "))
	}
	return strings.Join(out, "\n")
}

// sequence returns how many transactions have touched the switch.
func sequence(t *testing.T, h *lab.Host) string {
	t.Helper()
	text, err := h.VSCtl("get", "Open_vSwitch", ".", "next_cfg")
	must(t, err)
	return strings.TrimSpace(text)
}

// TestReplicas ends the replica that leads in every way while traffic flows: another one follows in
// time, nothing on the switches is made anew, and no copy is missing.
func TestReplicas(t *testing.T) {
	for _, name := range []string{"tapctl", "tapline-mirror", "tapline"} {
		program(t, name) // Built while frames flow, it would take the switches' processors.
	}
	f := startReplicas(t, 2)
	h1, h2 := f.Hosts[0], f.Hosts[1]
	web, app := f.guest(t, h1, "web"), f.guest(t, h2, "app")
	to := f.guestSink(t, f.guest(t, h2, "ids"), "brtap")
	flow := f.flow(t, to, vnic(web, "OUT"))
	hosts := []*lab.Host{h1, h2}

	// During an action, which returns the replica that led, changes are made until one succeeds.
	during := func(t *testing.T, limit time.Duration, action func(t *testing.T) (ended int)) {
		rows, flows := make([]string, len(hosts)), make([]map[string]installed, len(hosts))
		for i, h := range hosts {
			rows[i], flows[i] = uuids(t, h), flowsOf(t, h)
		}
		source := capture(t, web.Node, "eth0", lab.Out)
		tag, traffic := stream(t, web, app.MAC(), 500)
		firstOf(t, to.Capture, tag, time.Time{})

		ended := action(t)
		others := slices.Delete(slices.Clone(f.replicas), ended, ended+1)
		took := f.change(t, others, flow.ID, t.Name(), patience)
		t.Logf("a change was accepted after %v; promised are %v",
			took.Round(time.Millisecond), limit)
		leads := f.leader(t, others[0])
		if leads == ended {
			t.Errorf("c%d still leads", ended)
		}

		eventually(t, "flow ready", func() error {
			got, err := others[0].api.TapFlows().Get(deadline(t), flow.ID)
			return status(got.Status, got.Reason, err, api.Ready, "")
		})
		firstOf(t, source, tag, time.Now().Add(200*time.Millisecond))
		must(t, traffic.Stop())
		must(t, source.WaitQuiet(deadline(t), quiet))
		must(t, to.WaitQuiet(deadline(t), quiet))
		if missing := missed(source, to.Capture, tag); missing != "" {
			t.Error(missing)
		}
		for i, h := range hosts {
			if now := uuids(t, h); now != rows[i] {
				t.Errorf("rows of %s were\n%s\nand are\n%s", h.Name, rows[i], now)
			}
			sameFlows(t, flows[i], flowsOf(t, h))
		}
	}

	t.Run("StepDown", func(t *testing.T) {
		during(t, time.Second, func(t *testing.T) int {
			led := f.leader(t, f.replicas[0])
			out, errs, code := f.replicas[(led+1)%3].tapctl(t, "replica-step-down")
			if code != 0 || !strings.HasSuffix(out, " leads\n") {
				t.Fatalf("exit %d: %s%s", code, out, errs)
			}
			return led
		})
	})

	t.Run("Killed", func(t *testing.T) {
		var led *controller
		during(t, replicaLease+time.Second, func(t *testing.T) int {
			i := f.leader(t, f.replicas[0])
			led = f.replicas[i]
			led.stop(t, syscall.SIGKILL)
			return i
		})
		led.start(t)
		eventually(t, "it stands by", func() error { return standsBy(t, led) })
	})

	t.Run("Frozen", func(t *testing.T) {
		var led *controller
		during(t, replicaLease+time.Second, func(t *testing.T) int {
			i := f.leader(t, f.replicas[0])
			led = f.replicas[i]
			must(t, led.cmd.Process.Signal(syscall.SIGSTOP))
			return i
		})

		// When it wakes it writes nothing, and knows at once that it does not lead.
		before := []string{sequence(t, h1), sequence(t, h2)}
		must(t, led.cmd.Process.Signal(syscall.SIGCONT))
		eventually(t, "it stands by", func() error { return standsBy(t, led) })
		for i, h := range hosts {
			if now := sequence(t, h); now != before[i] {
				t.Errorf("%s was written to: next_cfg %s, not %s", h.Name, now, before[i])
			}
		}
	})

	t.Run("CutOffFromEtcd", func(t *testing.T) {
		var led int
		during(t, replicaLease+time.Second, func(t *testing.T) int {
			led = f.leader(t, f.replicas[0])
			for _, p := range f.proxies[led] {
				p.Block()
			}
			return led
		})
		eventually(t, "/readyz tells", func() error {
			return answered(f.replicas[led].api.Ready(deadline(t)), http.StatusServiceUnavailable)
		})
		for _, p := range f.proxies[led] {
			p.Unblock()
		}
		eventually(t, "it stands by", func() error { return standsBy(t, f.replicas[led]) })
	})

	t.Run("KilledWithTheLeaderOfEtcd", func(t *testing.T) {
		var led *controller
		var leader *member
		during(t, 2*replicaLease, func(t *testing.T) int {
			i := f.leader(t, f.replicas[0])
			led, leader = f.replicas[i], f.leaderOfEtcd(t)
			leader.kill()
			led.stop(t, syscall.SIGKILL)
			return i
		})
		leader.start(t)
		led.start(t)
	})

	t.Run("AnyAddressWorks", func(t *testing.T) { f.anyAddress(t, flow.ID) })
}

// leaderOfEtcd returns the leading member of etcd.
func (f *fleetOfThree) leaderOfEtcd(t *testing.T) *member {
	t.Helper()
	for _, m := range f.members {
		out, err := m.node.Run(deadline(t), "env", "ETCDCTL_API=3", "etcdctl",
			"--endpoints", m.url, "endpoint", "status")
		must(t, err)
		// endpoint, id, version, size, whether it leads, ...
		if fields := strings.Split(out, ", "); len(fields) > 4 && fields[4] == "true" {
			return m
		}
	}
	t.Fatal("no member of etcd leads")
	return nil
}

// anyAddress has each replica answer what only the leader knows, and a stream pass through each.
func (f *fleetOfThree) anyAddress(t *testing.T, flow string) {
	for i, c := range f.replicas {
		text := fmt.Sprintf("by c%d", i)
		ctx, cancel := context.WithCancel(deadline(t))
		events, err := c.api.Watch(ctx, client.Where("id", flow))
		must(t, err)
		f.change(t, []*controller{c}, flow, text, patience)
		err = errors.New("the stream ended")
		for event, streamErr := range events {
			if streamErr != nil {
				err = streamErr
				break
			}
			if got, ok := event.Object.(api.TapFlow); ok && got.Description == text {
				err = nil
				break
			}
		}
		cancel()
		if err != nil {
			t.Errorf("events by c%d: %v", i, err)
		}
	}
}
