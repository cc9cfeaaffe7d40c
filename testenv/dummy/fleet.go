//go:build linux

package dummy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

const (
	// maxHosts is how many tunnel addresses there are.
	maxHosts = 1 << 16
	// startGrace bounds how long one daemon may take to answer.
	startGrace = time.Minute
)

// Host is one pair of daemons.
type Host struct {
	lab.Switch
	Name     string     // h1, h2, ...
	OVSDB    string     // tcp:127.0.0.1:PORT
	TunnelIP netip.Addr // external_ids:ovn-encap-ip: 10.211.0.0 + number
	SystemID string

	daemons []*exec.Cmd
}

// Fleet is a number of hosts.
type Fleet struct {
	Hosts []*Host

	dir    string
	starts chan start    // to the thread that forks
	forker chan struct{} // closed when that thread has ended
	reaper sync.WaitGroup
}

// start asks for a process.
type start struct {
	cmd  *exec.Cmd
	done chan<- error
}

// Start starts n hosts, 1 to 65,536, and returns when all are configured. If it
// fails, nothing remains. The caller closes the fleet.
func Start(ctx context.Context, n int) (*Fleet, error) {
	if n < 1 || n > maxHosts {
		return nil, fmt.Errorf("%d dummy hosts: want 1 to %d", n, maxHosts)
	}

	dir, err := os.MkdirTemp("", "ovs")
	if err != nil {
		return nil, fmt.Errorf("dummy hosts: %w", err)
	}

	f := &Fleet{dir: dir, starts: make(chan start), forker: make(chan struct{})}
	go f.fork()
	for i := 1; i <= n; i++ {
		f.Hosts = append(f.Hosts, newHost(dir, i))
	}

	if err := f.start(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return f, nil
}

func newHost(dir string, i int) *Host {
	name := "h" + strconv.Itoa(i)
	return &Host{
		Switch:   lab.NewSwitch(name, filepath.Join(dir, name)),
		Name:     name,
		TunnelIP: netip.AddrFrom4([4]byte{10, 211, byte(i >> 8), byte(i)}),
		SystemID: uuid.NewSHA1(uuid.NameSpaceOID, []byte("dummy/"+name)).String(),
	}
}

func (f *Fleet) start(ctx context.Context) error {
	empty := filepath.Join(f.dir, "empty.db")
	if err := lab.CreateDB(ctx, empty); err != nil {
		return fmt.Errorf("dummy hosts: %w", err)
	}

	db, err := os.ReadFile(empty)
	if err != nil {
		return fmt.Errorf("dummy hosts: %w", err)
	}

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4 * runtime.NumCPU())
	for _, h := range f.Hosts {
		group.Go(func() error {
			if err := f.startHost(ctx, h, db); err != nil {
				return fmt.Errorf("dummy host %s: %w", h.Name, err)
			}
			return nil
		})
	}

	return group.Wait()
}

func (f *Fleet) startHost(ctx context.Context, h *Host, db []byte) error {
	if err := os.Mkdir(h.RunDir, 0o755); err != nil {
		return err
	}

	conf := filepath.Join(h.RunDir, "conf.db")
	if err := os.WriteFile(conf, db, 0o640); err != nil {
		return err
	}

	err := f.startDaemon(ctx, h, "ovsdb-server", "--remote=punix:"+h.OVSDBSocket(),
		"--remote=ptcp:0:127.0.0.1",
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options", conf)
	if err != nil {
		return err
	}

	if err := h.awaitOVSDB(ctx); err != nil {
		return err
	}
	if err := f.startDaemon(ctx, h, "ovs-vswitchd", "--enable-dummy=override", "--disable-system",
		"unix:"+h.OVSDBSocket()); err != nil {
		return err
	}

	_, err = h.VSCtl("add-br", lab.WireBridge, "--", "set", "Open_vSwitch", ".",
		"external_ids:system-id="+h.SystemID,
		"external_ids:hostname="+h.Name,
		"external_ids:ovn-bridge-mappings="+lab.Wire+":"+lab.WireBridge,
		"external_ids:ovn-encap-type=gre",
		"external_ids:ovn-encap-ip="+h.TunnelIP.String())

	return err
}

// awaitOVSDB reads from the log which port the kernel has chosen.
func (h *Host) awaitOVSDB(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	listening := regexp.MustCompile(`(?s)listening on port (\d+).*ovsdb-server \(Open vSwitch\)`)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		log, err := os.ReadFile(h.LogFile("ovsdb-server"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}

		if found := listening.FindSubmatch(log); found != nil {
			h.OVSDB = "tcp:127.0.0.1:" + string(found[1])
			return nil
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for ovsdb-server to listen: %w: its log: %s",
				context.Cause(ctx), log)
		case <-tick.C:
		}
	}
}

// AddGuest plugs a port with the ids that libvirt writes into br0.
func (h *Host) AddGuest(ifname string, mac lab.MAC, vmID string) error {
	_, err := h.VSCtl("add-port", lab.WireBridge, ifname, "--", "set", "Interface", ifname,
		fmt.Sprintf("external_ids:attached-mac=%q", mac.String()),
		"external_ids:iface-id="+uuid.NewSHA1(uuid.NameSpaceOID, []byte(vmID+ifname)).String(),
		"external_ids:iface-status=active",
		"external_ids:vm-id="+vmID)
	return err
}

// startDaemon lets the forking thread start a daemon, and reaps the daemon when it ends.
func (f *Fleet) startDaemon(ctx context.Context, h *Host, name string, args ...string) error {
	stderr, err := os.Create(filepath.Join(h.RunDir, name+".stderr"))
	if err != nil {
		return err
	}
	defer stderr.Close()

	cmd := h.Daemon(name, stderr, append([]string{"-vsyslog:off"}, args...)...)
	// One session for all of them: the kernel shares the processors fairly among sessions
	// (sched(7), autogroup). With a thousand sessions, the process under test would get a
	// thousandth.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	done := make(chan error, 1)
	select {
	case f.starts <- start{cmd, done}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}

	if err := <-done; err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}

	h.daemons = append(h.daemons, cmd)
	f.reaper.Go(func() { cmd.Wait() }) // how it ended does not matter
	return nil
}

// fork starts processes on one thread, which lives until Close.
func (f *Fleet) fork() {
	defer close(f.forker)
	runtime.LockOSThread() // and never unlocked: the thread ends with f.fork
	for s := range f.starts {
		s.done <- s.cmd.Start()
	}
}

// Close ends the daemons and removes their directories. It is called once.
func (f *Fleet) Close() error {
	var err error
	for _, h := range f.Hosts {
		for _, cmd := range h.daemons {
			if killErr := cmd.Process.Kill(); killErr != nil &&
				!errors.Is(killErr, os.ErrProcessDone) {
				err = errors.Join(err, fmt.Errorf("dummy host %s: %w", h.Name, killErr))
			}
		}
	}

	close(f.starts)
	<-f.forker
	f.reaper.Wait()
	return errors.Join(err, os.RemoveAll(f.dir))
}
