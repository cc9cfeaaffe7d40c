//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// pki makes authorities and certificates as ovs-pki(8) does: name.role for each, role being
// controller or switch.
func pki(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	run := func(args ...string) {
		cmd := exec.Command("ovs-pki", append([]string{"--dir=" + filepath.Join(dir, "ca"),
			"--log=" + filepath.Join(dir, "log")}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ovs-pki %v: %v\n%s", args, err, out)
		}
	}

	run("init")
	for _, name := range names {
		name, role, _ := strings.Cut(name, ".")
		run("-u", "req+sign", name, role)
	}

	return dir
}

// TestConnections: switches speak OpenFlow by TLS and show a certificate, and a host may make the
// OVSDB connection itself. A switch without a certificate gets no further than its own status.
func TestConnections(t *testing.T) {
	t.Parallel()
	l := lab.Start(t, 2)
	dir := pki(t, "ctl.controller", "sw.switch")
	in := func(name string) string { return filepath.Join(dir, name) }
	h1, h2 := l.Hosts[0], l.Hosts[1]
	for _, args := range [][]string{
		{"set-ssl", in("sw-privkey.pem"), in("sw-cert.pem"), in("ca/controllerca/cacert.pem")},
		{"set-manager", fmt.Sprintf("tcp:%s:6640", lab.ControllerIP())},
	} {
		if _, err := h1.VSCtl(args...); err != nil {
			t.Fatal(err)
		}
	}

	nowhere := fmt.Sprintf("tcp:%s:6650", h1.MgmtIP)
	c := startController(t, l.Controller, settings{
		secure: fmt.Sprintf("tls: {cert: %s, key: %s, ca: %s}", in("ctl-cert.pem"),
			in("ctl-privkey.pem"), in("ca/switchca/cacert.pem")),
		more: fmt.Sprintf("ovsdb: {listen: 0.0.0.0:6640, insecure: true}\nhosts:\n"+
			"  - {name: h1, ovsdb: %q}\n"+
			"  - {name: h2, ovsdb: %q}\n",
			nowhere, h2.OVSDB()),
	})

	status := func(name string) (string, error) {
		h, err := c.api.Hosts().Get(deadline(t), name)
		if err != nil {
			return "", err
		}
		return string(h.Status) + ": " + h.Reason, nil
	}

	for name, want := range map[string]string{"h1": "ready: ",
		"h2": "pending: the OpenFlow connection of bridge brtap is missing"} {
		eventually(t, name+" is "+want, func() error {
			got, err := status(name)
			if err == nil && got != want {
				err = fmt.Errorf("it is %s", got)
			}
			return err
		})
	}

	target, err := h1.VSCtl("get-controller", "brtap")
	must(t, err)
	if want := fmt.Sprintf("ssl:%s:6653", lab.ControllerIP()); strings.TrimSpace(target) != want {
		t.Errorf("the controller of brtap is %q, want %q", target, want)
	}

	// The token is asked for all the same.
	stranger, err := client.New(client.Config{Server: c.server, Token: "wrong",
		HTTPClient: &http.Client{Transport: c.http}})
	must(t, err)
	if _, err := stranger.Hosts().List(deadline(t)); !client.IsStatus(err, 401) {
		t.Errorf("with a wrong token: %v", err)
	}
}
