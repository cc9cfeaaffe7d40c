//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// startEtcd starts an etcd beside the controller. It ends with the test.
func startEtcd(t *testing.T, node *lab.Node) *exec.Cmd {
	t.Helper()
	etcdtest.Require(t)

	const clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	cmd := node.Command(context.Background(), "etcd", "--log-level", "error",
		"--data-dir", filepath.Join(t.TempDir(), "etcd"),
		"--listen-client-urls", clients, "--advertise-client-urls", clients,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
		"--initial-cluster", "default="+peers)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// answered returns an error unless the controller has answered with this status of HTTP.
func answered(err error, want int) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Problem.Status == want {
		return nil
	}
	return fmt.Errorf("want status %d, not %w", want, err)
}

// TestIntentInEtcd: while etcd does not answer, copies go on and changes are refused; afterwards
// nothing that was refused is there. A controller that was killed finds everything again.
func TestIntentInEtcd(t *testing.T) {
	l := lab.Start(t, 2)
	etcd := startEtcd(t, l.Controller)
	w := &world{Lab: l, controller: startController(t, l.Controller, settings{
		more: `store: {driver: etcd, endpoints: ["http://127.0.0.1:2379"]}` + "\n",
	})}
	for _, h := range l.Hosts {
		w.register(t, h)
	}
	w.tellOnFailure(t)

	web, app := w.guest(t, l.Hosts[0], "web"), w.guest(t, l.Hosts[1], "app")
	to := w.guestSink(t, w.guest(t, l.Hosts[1], "ids"), "brtap")
	flow := w.flow(t, to, vnic(web, "OUT"))
	source := capture(t, web.Node, "eth0", lab.Out)
	tag, traffic := stream(t, web, app.MAC(), 500)
	firstOf(t, to.Capture, tag, time.Time{})

	must(t, etcd.Process.Signal(syscall.SIGSTOP))
	eventually(t, "/readyz tells", func() error {
		return answered(w.api.Ready(deadline(t)), http.StatusServiceUnavailable)
	})
	create := vnic(web, "IN")
	create.Name, create.TapID = "refused", flow.TapID
	_, err := w.api.TapFlows().Create(deadline(t), create)
	must(t, answered(err, http.StatusServiceUnavailable))
	firstOf(t, to.Capture, tag, time.Now().Add(200*time.Millisecond))

	must(t, etcd.Process.Signal(syscall.SIGCONT))
	eventually(t, "ready again", func() error { return w.api.Ready(deadline(t)) })
	w.stop(t, syscall.SIGKILL)
	w.start(t)
	eventually(t, "flow ready", func() error {
		got, err := w.api.TapFlows().Get(deadline(t), flow.ID)
		return status(got.Status, got.Reason, err, api.Ready, "")
	})
	_, err = w.api.TapFlows().Get(deadline(t), "refused")
	must(t, answered(err, http.StatusNotFound))

	firstOf(t, source, tag, time.Now().Add(200*time.Millisecond))
	must(t, traffic.Stop())
	must(t, source.WaitQuiet(deadline(t), quiet))
	must(t, to.Capture.WaitQuiet(deadline(t), quiet))
	if missing := missed(source, to.Capture, tag); missing != "" {
		t.Error(missing)
	}
}
