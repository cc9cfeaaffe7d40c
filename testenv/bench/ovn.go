//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// ovn is the contender OVN: a logical switch with a mirror of type gre. Its copies count when they
// arrive at the second host, before anything there has taken them out of the tunnel.
type ovn struct {
	*scene
	dir     string
	daemons []*exec.Cmd
}

const (
	ovnBridge    = "br-int"
	ovnSchemas   = "/usr/share/ovn"
	ovnSouthPort = 6642
	protoGRE     = 47
)

// ovnPrograms come with the packages ovn-central and ovn-host.
func ovnPrograms() []string {
	return []string{"ovn-northd", "ovn-controller", "ovn-nbctl"}
}

func (b *bench) ovn(ctx context.Context) ([]contender, error) {
	for _, name := range ovnPrograms() {
		if _, err := exec.LookPath(name); err != nil {
			b.table.add("first copy: OVN", "not measured",
				"packages ovn-central and ovn-host are not installed")
			return nil, nil
		}
	}

	s, err := newScene(ctx, "ovn", ovnBridge)
	if err != nil {
		return nil, err
	}

	o := &ovn{scene: s, dir: filepath.Join(b.work, "ovn")}
	return []contender{o, ovnCommands{o}}, o.start(ctx)
}

func (o *ovn) name() string { return "OVN, one mirror of type gre" }
func (o *ovn) note() string {
	return "ovn-nbctl mirror-add and lsp-attach-mirror in one transaction; until it arrives at " +
		"the host"
}
func (o *ovn) stage() *scene { return o.scene }

func (o *ovn) collector() (*lab.Node, string, func([]byte) bool) {
	return o.h2.Node, lab.UnderlayUplink, func(frame []byte) bool {
		return len(frame) > 34 && frame[12] == 0x08 && frame[13] == 0 && frame[23] == protoGRE
	}
}

// start brings OVN up on the scene's first host, with the guests as its logical ports.
func (o *ovn) start(ctx context.Context) error {
	if err := os.Mkdir(o.dir, 0o755); err != nil {
		return err
	}
	if err := o.startDatabases(ctx); err != nil {
		return err
	}
	if err := o.startDaemons(); err != nil {
		return err
	}
	if err := o.addPorts(ctx); err != nil {
		return err
	}
	if err := o.awaitForwarding(ctx); err != nil {
		return err
	}

	// The first mirror makes the switch resolve its neighbour.
	if err := o.on(ctx); err != nil {
		return err
	}
	var err error
	for range 20 {
		err = errors.Join(err, o.frames(o.web, o.app, 10))
		time.Sleep(frameEvery)
	}
	return errors.Join(err, o.off(ctx), o.nbctl(ctx, "--timeout=20", "--wait=hv", "sync"))
}

// startDatabases creates the northbound and the southbound database and starts their servers.
func (o *ovn) startDatabases(ctx context.Context) error {
	for _, db := range []string{"nb", "sb"} {
		file := filepath.Join(o.dir, db+".db")
		if out, err := exec.CommandContext(ctx, "ovsdb-tool", "create", file,
			ovnSchemas+"/ovn-"+db+".ovsschema").CombinedOutput(); err != nil {
			return fmt.Errorf("create %s: %w: %s", file, err, out)
		}

		args := []string{"--remote=punix:" + o.socket(db),
			"--unixctl=" + filepath.Join(o.dir, db+".ctl")}
		if db == "sb" {
			args = append(args, fmt.Sprintf("--remote=ptcp:%d", ovnSouthPort))
		}
		if err := o.daemon(o.Controller, "ovsdb-server", append(args, file)...); err != nil {
			return err
		}
	}

	for _, db := range []string{"nb", "sb"} {
		if err := until(ctx, settle, func() error {
			_, err := os.Stat(o.socket(db))
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// startDaemons starts ovn-northd and, on the first host, ovn-controller.
func (o *ovn) startDaemons() error {
	if err := o.daemon(o.Controller, "ovn-northd", "--ovnnb-db=unix:"+o.socket("nb"),
		"--ovnsb-db=unix:"+o.socket("sb"),
		"--unixctl="+filepath.Join(o.dir, "northd.ctl")); err != nil {
		return err
	}

	_, err := o.h1.VSCtl("set", "Open_vSwitch", ".",
		fmt.Sprintf("external_ids:ovn-remote=tcp:%s:%d", lab.ControllerIP(), ovnSouthPort),
		"external_ids:ovn-bridge="+ovnBridge, "external_ids:ovn-bridge-datapath-type=netdev",
		"external_ids:ovn-encap-type=geneve",
		"--", "set", "bridge", ovnBridge, "fail_mode=secure")
	if err != nil {
		return err
	}

	return o.daemon(o.h1.Node, "ovn-controller", "unix:"+o.h1.OVSDBSocket())
}

// addPorts makes a logical switch with a port for each guest, and waits until the host has it.
func (o *ovn) addPorts(ctx context.Context) error {
	args := []string{"ls-add", "net"}
	for _, g := range []*lab.Guest{o.web, o.app, o.db} {
		port := g.NICs[0].ExternalIDs["iface-id"]
		args = append(args, "--", "lsp-add", "net", port, "--", "lsp-set-addresses", port,
			g.MAC().String())
	}

	if err := o.nbctl(ctx, args...); err != nil {
		return err
	}
	return o.nbctl(ctx, "--timeout=20", "--wait=hv", "sync")
}

// awaitForwarding waits until app receives frames of web.
func (o *ovn) awaitForwarding(ctx context.Context) error {
	heard, err := o.app.Capture("eth0", lab.CaptureConfig{Direction: lab.In, Keep: isTalk})
	if err != nil {
		return err
	}
	defer heard.Close()

	return until(ctx, settle, func() error {
		if err := o.frames(o.web, o.app, 1); err != nil {
			return err
		}
		if len(heard.Frames()) == 0 {
			return errors.New("app hears nothing of web")
		}
		return nil
	})
}

func (o *ovn) socket(db string) string { return filepath.Join(o.dir, db+".sock") }

func (o *ovn) daemon(at *lab.Node, name string, args ...string) error {
	cmd := at.Command(context.Background(), name,
		append(args, "-vconsole:off", "--log-file="+filepath.Join(o.dir, name+".log"))...)

	cmd.Env = append(cmd.Env, "OVN_RUNDIR="+o.dir)
	if at == o.Controller {
		cmd.Env = append(cmd.Env, "OVS_RUNDIR="+o.dir)
	}

	stderr, err := os.Create(filepath.Join(o.dir, name+".stderr"))
	if err != nil {
		return err
	}
	defer stderr.Close()

	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return err
	}

	o.daemons = append(o.daemons, cmd)
	return nil
}

func (o *ovn) nbctl(ctx context.Context, args ...string) error {
	args = append([]string{"--db=unix:" + o.socket("nb")}, args...)
	if out, err := exec.CommandContext(ctx, "ovn-nbctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ovn-nbctl %v: %w: %s", args, err, out)
	}
	return nil
}

func (o *ovn) port() string { return o.web.NICs[0].ExternalIDs["iface-id"] }

func (o *ovn) add() []string {
	return []string{"mirror-add", "web", "gre", "0", "from-lport", o.h2.TunnelIP.String()}
}
func (o *ovn) attach() []string { return []string{"lsp-attach-mirror", o.port(), "web"} }
func (o *ovn) detach() []string { return []string{"lsp-detach-mirror", o.port(), "web"} }

func (o *ovn) on(ctx context.Context) error {
	return o.nbctl(ctx, slices.Concat(o.add(), []string{"--"}, o.attach())...)
}

func (o *ovn) off(ctx context.Context) error {
	return o.nbctl(ctx, slices.Concat(o.detach(), []string{"--", "mirror-del", "web"})...)
}

// ovnCommands is OVN with one ovn-nbctl(8) command for each step, as its manual shows.
type ovnCommands struct{ *ovn }

func (o ovnCommands) name() string { return "OVN, the same by two commands" }
func (o ovnCommands) note() string {
	return "ovn-nbctl mirror-add; ovn-nbctl lsp-attach-mirror; until it arrives at the host"
}

func (o ovnCommands) on(ctx context.Context) error {
	if err := o.nbctl(ctx, o.add()...); err != nil {
		return err
	}
	return o.nbctl(ctx, o.attach()...)
}

func (o ovnCommands) off(ctx context.Context) error {
	if err := o.nbctl(ctx, o.detach()...); err != nil {
		return err
	}
	return o.nbctl(ctx, "mirror-del", "web")
}

// close does nothing: the first contender of this lab closes it.
func (o ovnCommands) close() error { return nil }

func (o *ovn) close() error {
	var err error
	for _, cmd := range o.daemons {
		err = errors.Join(err, cmd.Process.Kill())
		_ = cmd.Wait() // It was killed.
	}
	return errors.Join(err, o.scene.Close())
}
