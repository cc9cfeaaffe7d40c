//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// manual is a scene with tap bridges that were set up by hand and a collector's NIC on the second
// host: what a good script starts from.
type manual struct {
	*scene
	nic *lab.NIC
}

const (
	manualBridge = "brhand"
	manualNIC    = "collect0"
	manualKey    = 77
)

func newManual(ctx context.Context, name string) (*manual, error) {
	s, err := newScene(ctx, name, lab.WireBridge)
	if err != nil {
		return nil, err
	}
	m, err := s.byHand(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return m, nil
}

// byHand starts a scene and sets its tap bridges up.
func (s *scene) byHand(ctx context.Context) (*manual, error) {
	for _, h := range s.Hosts {
		if _, err := h.VSCtl("add-br", manualBridge, "--", "set", "bridge", manualBridge,
			"datapath_type=netdev", "fail_mode=secure"); err != nil {
			return nil, err
		}
	}
	nic, err := s.ids.PlugNIC(ctx, lab.GuestNIC{Bridge: manualBridge, IfName: manualNIC})
	return &manual{scene: s, nic: nic}, err
}

func (m *manual) stage() *scene { return m.scene }

func (m *manual) collector() (*lab.Node, string, func([]byte) bool) {
	return m.ids.Node, m.nic.Device, isTalk
}

func (m *manual) close() error { return m.scene.Close() }

// tool runs a program of Open vSwitch as a script on the host would.
func tool(ctx context.Context, h *lab.Host, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), h.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// script mirrors with as few commands as possible: the destination's port, its flow, and the
// source's port with its Mirror in one transaction, which also makes the switch revalidate its
// cache.
type script struct{ *manual }

func (b *bench) script(ctx context.Context) ([]contender, error) {
	m, err := newManual(ctx, "script")
	if err != nil {
		return nil, err
	}

	// A short mirror makes the switch resolve its neighbours, which Tapline has done by its probes.
	s := &script{m}
	out := []contender{s}
	if err := s.on(ctx); err != nil {
		return out, err
	}

	for range 5 {
		err = errors.Join(err, m.frames(m.web, m.app, 10))
	}

	return out, errors.Join(err, s.off(ctx))
}

func (s *script) name() string { return "script of ovs-vsctl and ovs-ofctl" }
func (s *script) note() string { return "three commands on, three off" }

func (s *script) on(ctx context.Context) error {
	tunnel := func(remote *lab.Host, number string) []string {
		return []string{"type=gre", "options:remote_ip=" + remote.TunnelIP.String(),
			fmt.Sprint("options:key=", manualKey), "ofport_request=" + number}
	}

	err := tool(ctx, s.h2, "ovs-vsctl", append([]string{"add-port", manualBridge, "from-h1", "--",
		"set", "interface", "from-h1"}, tunnel(s.h1, "101")...)...)
	if err != nil {
		return err
	}

	if err := tool(ctx, s.h2, "ovs-ofctl", "add-flow", manualBridge,
		"in_port=101,actions=output:"+manualNIC); err != nil {
		return err
	}

	args := append([]string{"add-port", lab.WireBridge, "to-h2", "--", "set", "interface", "to-h2"},
		tunnel(s.h2, "102")...)

	args = append(args, "--", "--id=@out", "get", "port", "to-h2", "--", "--id=@web", "get", "port",
		s.web.IfName(),
		"--", "--id=@m", "create", "mirror", "name=web", "select_src_port=@web",
		"select_dst_port=@web", "output_port=@out",
		"--", "add", "bridge", lab.WireBridge, "mirrors", "@m")

	return tool(ctx, s.h1, "ovs-vsctl", args...)
}

func (s *script) off(ctx context.Context) error {
	err := tool(ctx, s.h1, "ovs-vsctl", "--", "--id=@m", "get", "mirror", "web", "--", "remove",
		"bridge", lab.WireBridge, "mirrors", "@m",
		"--", "del-port", lab.WireBridge, "to-h2")
	if err != nil {
		return err
	}

	if err := tool(ctx, s.h2, "ovs-ofctl", "del-flows", manualBridge, "in_port=101"); err != nil {
		return err
	}
	return tool(ctx, s.h2, "ovs-vsctl", "del-port", manualBridge, "from-h1")
}
