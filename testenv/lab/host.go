//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/release"
)

// Names of what every host has.
const (
	Wire           = "net0"   // the wire, mapped to WireBridge
	WireBridge     = "br0"    // carries the wire; guests plug in here
	WireUplink     = "eth1"   // physical port of WireBridge
	UnderlayBridge = "br-phy" // has the tunnel address on its internal port
	UnderlayUplink = "eth0"   // physical port of UnderlayBridge
	SpareNIC       = "eth2"   // up, and used by nobody
	OVSDBPort      = 6640     // TCP, on the management address
)

// startGrace bounds how long a daemon may take to answer.
var startGrace = time.Duration(Slowness()) * 20 * time.Second

// Host is a machine with Open vSwitch.
type Host struct {
	*Node
	Switch
	Index    int        // from 1
	MgmtIP   netip.Addr // on mgmt0
	TunnelIP netip.Addr // on br-phy
	SpareMAC MAC        // of eth2
	SystemID string     // Open_vSwitch.external_ids:system-id
}

func newHost(l *Lab, i int) *Host {
	name := "h" + strconv.Itoa(i)
	ovs := NewSwitch(name, filepath.Join(l.Dir, name))
	ovs.release, _ = l.state.Config.release(i) // New has checked that it is there.
	return &Host{
		Node:     &Node{Name: name, Namespace: l.Name + "-" + name, env: ovs.Env(), lab: l},
		Switch:   ovs,
		Index:    i,
		MgmtIP:   netip.AddrFrom4([4]byte{10, 200, 0, byte(10 + i)}),
		TunnelIP: netip.AddrFrom4([4]byte{10, 210, 0, byte(10 + i)}),
		SpareMAC: hostMAC(macEth+2, i),
		SystemID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(l.Name+"/"+name)).String(),
	}
}

// OVSDB is the address of the database on the management network, as a
// controller configures it: tcp:10.200.0.11:6640.
func (h *Host) OVSDB() string { return fmt.Sprintf("tcp:%s:%d", h.MgmtIP, OVSDBPort) }

// DatapathType is the type of the host's bridges as ovs-vsctl sets it: datapath_type=netdev.
func (h *Host) DatapathType() string { return "datapath_type=" + h.lab.Datapath() }

// CaptureSpare captures what leaves the host by its spare NIC.
func (h *Host) CaptureSpare(c CaptureConfig) (*Capture, error) {
	return h.lab.Fabric.Capture("spare-"+h.Name, c)
}

// create connects the host, starts its daemons and configures the switch.
func (h *Host) create(ctx context.Context, emptyDB string) error {
	if err := os.Mkdir(h.RunDir, 0o755); err != nil {
		return err
	}

	db, err := os.ReadFile(emptyDB)
	if err != nil {
		return err
	}

	if err := os.WriteFile(filepath.Join(h.RunDir, "conf.db"), db, 0o640); err != nil {
		return err
	}
	if err := h.connect(); err != nil {
		return err
	}
	if err := h.StartOVSDB(ctx); err != nil {
		return err
	}
	if err := h.startVSwitchd(); err != nil {
		return err
	}
	if err := h.configure(ctx); err != nil {
		return err
	}

	return h.addressUnderlay(ctx)
}

// connect plugs the host's NICs into the networks.
func (h *Host) connect() error {
	mgmt, fabric := h.lab.Controller, h.lab.Fabric
	underlayMTU := h.lab.state.Config.UnderlayMTU
	for _, cable := range []struct {
		nic, far vethEnd
		mtu      int
	}{
		{
			vethEnd{node: h.Node, ifname: "mgmt0", mac: hostMAC(macMgmt, h.Index),
				addr: netip.PrefixFrom(h.MgmtIP, 24)},
			vethEnd{node: mgmt, ifname: "mgmt-" + h.Name, master: "mgmt"}, ethernetMTU,
		},
		{
			vethEnd{node: h.Node, ifname: UnderlayUplink, mac: hostMAC(macEth, h.Index)},
			vethEnd{node: fabric, ifname: "underlay-" + h.Name, master: "underlay"}, underlayMTU,
		},
		{
			vethEnd{node: h.Node, ifname: WireUplink, mac: hostMAC(macEth+1, h.Index)},
			vethEnd{node: fabric, ifname: "net0-" + h.Name, master: "net0"}, ethernetMTU,
		},
		{
			vethEnd{node: h.Node, ifname: SpareNIC, mac: h.SpareMAC},
			vethEnd{node: fabric, ifname: "spare-" + h.Name}, ethernetMTU,
		},
	} {
		if err := connect(cable.nic, cable.far, cable.mtu); err != nil {
			return err
		}
	}

	return nil
}

// configure writes the switch's first configuration in one transaction.
func (h *Host) configure(ctx context.Context) error {
	// br-phy must not share a MAC with its uplink: the host's own IP stack sees
	// the uplink's packets too, and would take those for the tunnel address.
	datapath := h.DatapathType()
	_, err := h.vsctl(ctx,
		"add-br", UnderlayBridge, "--", "set", "Bridge", UnderlayBridge, datapath,
		"fail_mode=standalone", fmt.Sprintf("other_config:hwaddr=%q",
			hostMAC(macInternal, h.Index).String()),
		"--", "add-port", UnderlayBridge, UnderlayUplink,
		// The kernel's local port has 1,500 otherwise.
		"--", "set", "Interface", UnderlayBridge,
		fmt.Sprintf("mtu_request=%d", h.lab.state.Config.UnderlayMTU),
		"--", "add-br", WireBridge, "--", "set", "Bridge", WireBridge, datapath,
		"fail_mode=standalone", fmt.Sprintf("other_config:hwaddr=%q",
			hostMAC(macInternal+1, h.Index).String()),
		"--", "add-port", WireBridge, WireUplink,
		"--", "set", "Open_vSwitch", ".",
		"external_ids:system-id="+h.SystemID,
		"external_ids:hostname="+h.lab.Name+"-"+h.Name,
		"external_ids:ovn-bridge-mappings="+Wire+":"+WireBridge,
		"external_ids:ovn-encap-type=gre",
		"external_ids:ovn-encap-ip="+h.TunnelIP.String(),
	)
	if err != nil || h.Release() == release.System {
		return err
	}

	// ovs-ctl(8) writes the version when it starts a switch.
	_, err = h.vsctl(ctx, "set", "Open_vSwitch", ".", "ovs_version="+h.Release())
	return err
}

// addressUnderlay gives br-phy the tunnel address as soon as the switch has
// made that interface; the userspace datapath makes it anew at each start.
func (h *Host) addressUnderlay(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	err := waitFor(ctx, "interface "+UnderlayBridge, func() bool {
		return h.withLink(UnderlayBridge, func(*netlink.Handle,
			netlink.Link) error {
			return nil
		}) == nil
	})
	if err != nil {
		return err
	}

	end := vethEnd{node: h.Node, ifname: UnderlayBridge, addr: netip.PrefixFrom(h.TunnelIP, 24)}
	return end.configure()
}

// The daemons, as they are named in files and in the lab's state.
const (
	ovsdbServer = "ovsdb-server"
	vswitchd    = "ovs-vswitchd"
)

// StartOVSDB starts the database server and returns when it accepts clients.
func (h *Host) StartOVSDB(ctx context.Context) error {
	socket := h.OVSDBSocket()
	err := h.startDaemon(ovsdbServer,
		"--remote=punix:"+socket,
		fmt.Sprintf("--remote=ptcp:%d", OVSDBPort),
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
		filepath.Join(h.RunDir, "conf.db"))
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	return waitFor(ctx, "the database at "+socket, func() bool {
		conn, err := h.Dial(ctx, "unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// StartVSwitchd starts the switch and returns when it has applied the database
// and the tunnel address is back.
func (h *Host) StartVSwitchd(ctx context.Context) error {
	log := h.LogFile(vswitchd)
	before, err := os.Stat(log)
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}

	if err := h.startVSwitchd(); err != nil {
		return err
	}
	if err := h.addressUnderlay(ctx); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	// The database cannot show it: cur_cfg equals next_cfg since the last run. But the switch logs
	// its version when it has configured itself for the first time.
	return waitFor(ctx, "the first configuration of "+vswitchd, func() bool {
		text, err := os.ReadFile(log)
		return err == nil && bytes.Contains(text[min(before.Size(), int64(len(text))):],
			[]byte(vswitchd+" (Open vSwitch)"))
	})
}

func (h *Host) startVSwitchd() error {
	return h.startDaemon(vswitchd, "unix:"+h.OVSDBSocket())
}

// RestartOVSDB ends the database server in good order and starts it again.
func (h *Host) RestartOVSDB(ctx context.Context) error {
	if err := h.StopOVSDB(); err != nil {
		return err
	}
	return h.StartOVSDB(ctx)
}

// RestartVSwitchd ends the switch in good order and starts it again. Its flows
// are gone then, as after every restart without ovs-ctl.
func (h *Host) RestartVSwitchd(ctx context.Context) error {
	if err := h.stopDaemon(vswitchd, unix.SIGTERM); err != nil {
		return err
	}
	return h.StartVSwitchd(ctx)
}

// KillVSwitchd ends the switch with SIGKILL; StartVSwitchd starts it again.
func (h *Host) KillVSwitchd() error { return h.stopDaemon(vswitchd, unix.SIGKILL) }

// KillOVSDB ends the database server with SIGKILL; StartOVSDB starts it again.
func (h *Host) KillOVSDB() error { return h.stopDaemon(ovsdbServer, unix.SIGKILL) }

// StopOVSDB ends the database server; StartOVSDB starts it again.
func (h *Host) StopOVSDB() error { return h.stopDaemon(ovsdbServer, unix.SIGTERM) }

// VSwitchdPID is the process id of the switch; 0 if it does not run.
func (h *Host) VSwitchdPID() int { return h.daemon(vswitchd).PID }

// OVSDBPID is the process id of the database server; 0 if it does not run.
func (h *Host) OVSDBPID() int { return h.daemon(ovsdbServer).PID }

func (h *Host) daemon(name string) process {
	h.lab.mu.Lock()
	defer h.lab.mu.Unlock()
	p := h.lab.state.Processes[h.Name+"/"+name]
	if !p.alive() {
		return process{}
	}
	return p
}

// startDaemon starts a daemon in the host's namespace and records it in the lab's state.
func (h *Host) startDaemon(name string, args ...string) error {
	l, key := h.lab, h.Name+"/"+name
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.state.Processes[key].alive() {
		return fmt.Errorf("%s runs already", name)
	}

	stderr, err := os.OpenFile(filepath.Join(h.RunDir, name+".stderr"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer stderr.Close()

	cmd := h.Daemon(name, stderr, args...)
	if err := h.Do(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}

	started, identifyErr := identify(cmd.Process.Pid)
	l.daemons.Go(func() {
		err := cmd.Wait()
		l.log().Debug("daemon ended", "lab", l.Name, "host", h.Name, "daemon", name, "error", err)
	})
	if identifyErr != nil {
		return fmt.Errorf("start %s: ended at once: see %s", name, stderr.Name())
	}

	l.state.Processes[key] = started
	return l.saveLocked()
}

func (h *Host) stopDaemon(name string, sig unix.Signal) error {
	h.lab.mu.Lock()
	p := h.lab.state.Processes[h.Name+"/"+name]
	h.lab.mu.Unlock()
	if err := p.kill(sig); err != nil {
		return fmt.Errorf("host %s: stop %s: %w", h.Name, name, err)
	}
	return nil
}
