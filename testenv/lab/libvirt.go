//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// libvirtPrograms lists what a lab with virtual machines executes beside [programs].
var libvirtPrograms = [...]struct{ name, origin string }{
	{"libvirtd", "libvirt-daemon"},
	{"virsh", "libvirt-clients"},
	{"qemu-system-x86_64", "qemu-system-x86"},
	{"unshare", "util-linux"},
	{"mount", "mount"},
	{"hostname", "hostname"},
}

const (
	libvirtd = "libvirtd"
	machines = "machines" // the process that holds the namespaces of libvirtd and its guests

	libvirtGrace = 40 * time.Second // bounds a command of virsh
	libvirtPort  = 16509            // TCP, on the management address
)

// MissingLibvirt names what this machine lacks to run virtual machines; it is empty if nothing.
func MissingLibvirt() []string {
	var missing []string
	for _, p := range libvirtPrograms {
		if _, err := exec.LookPath(program(p.name)); err != nil {
			missing = append(missing, fmt.Sprintf("%s (package %s)", p.name, p.origin))
		}
	}

	if _, err := os.Stat(filepath.Join(KernelDir(), "vmlinuz")); err != nil {
		missing = append(missing, filepath.Join(KernelDir(), "vmlinuz")+" (make deps fetches it)")
	}
	return missing
}

// RequireLibvirt skips the test where the machine cannot run virtual machines, or fails it if the
// environment has CI=true.
func RequireLibvirt(t testing.TB) {
	t.Helper()
	Require(t)
	SkipWithout(t, "virtual machines need", MissingLibvirt())
}

// LibvirtURI is how the controller reaches the host's libvirt.
func (h *Host) LibvirtURI() string { return fmt.Sprintf("qemu+tcp://%s/system", h.MgmtIP) }

func (h *Host) libvirtDir() string { return filepath.Join(h.RunDir, "libvirt") }

// folders are the folders of libvirt on a machine; each host of a lab gets its own.
var folders = [...][2]string{
	{"run", "/run/libvirt"}, {"etc", "/etc/libvirt"}, {"lib", "/var/lib/libvirt"},
	{"log", "/var/log/libvirt"}, {"cache", "/var/cache/libvirt"},
}

// hold starts the process that keeps the mount, process and host name namespaces of libvirtd and
// its guests. When it ends, everything in them ends too. It reaps orphaned processes.
func (h *Host) hold(ctx context.Context) error {
	mounts, err := h.mounts()
	if err != nil {
		return err
	}
	if err := h.configureLibvirt(); err != nil {
		return err
	}

	script := append([]string{"set -e", "hostname " + h.lab.Name + "-" + h.Name}, mounts...)
	script = append(script, "touch '"+h.libvirtDir()+"/held'", "set +e",
		"while :; do sleep 1000 & wait; done")
	cmd := h.Command(context.Background(), program("unshare"), "--mount", "--pid", "--uts",
		"--fork", "--kill-child", "--mount-proc",
		"--propagation", "private", "/bin/sh", "-c", strings.Join(script, "\n"))

	if err := h.launch(machines, cmd); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	return waitFor(ctx, "namespaces of libvirtd", func() bool {
		_, err := os.Stat(filepath.Join(h.libvirtDir(), "held"))
		return err == nil
	})
}

// mounts makes the folders and files that libvirt finds in the place of the machine's own, and
// returns the commands that mount them there.
func (h *Host) mounts() (commands []string, err error) {
	bind := func(from, to string) {
		commands = append(commands, fmt.Sprintf("mount --bind '%s' '%s'", from, to))
	}

	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(h.libvirtDir(), f[0]), 0o755); err != nil {
			return nil, err
		}
		commands = append(commands, fmt.Sprintf("mkdir -p '%s'", f[1]))
		bind(filepath.Join(h.libvirtDir(), f[0]), f[1])
	}

	const switchDir = "/run/openvswitch" // where libvirt's ovs-vsctl looks
	commands = append(commands, fmt.Sprintf("mkdir -p '%s'", switchDir))
	bind(h.RunDir, switchDir)

	// libvirt does not start without its own account, even if it does not use it. The Debian
	// package that makes the account is not installed here.
	for _, table := range [...][2]string{{"passwd",
		"libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n"},
		{"group", "libvirt-qemu:x:64055:\n"}} {
		from, to := filepath.Join(h.libvirtDir(), table[0]), "/etc/"+table[0]
		text, err := os.ReadFile(to)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(from, append(text, table[1]...), 0o644); err != nil {
			return nil, err
		}
		bind(from, to)
	}

	return commands, nil
}

// configureLibvirt writes the configuration of libvirtd and of its QEMU driver.
func (h *Host) configureLibvirt() error {
	for name, text := range map[string]string{
		"libvirtd.conf": fmt.Sprintf("listen_tls = 0\nlisten_tcp = 1\nlisten_addr = %q\n"+
			"auth_tcp = \"none\"\nauth_unix_rw = \"none\"\n"+
			"auth_unix_ro = \"none\"\nunix_sock_group = \"root\"\nhost_uuid = %q\n"+
			"log_outputs = \"3:file:/var/log/libvirt/libvirtd.log\"\n", h.MgmtIP, h.SystemID),
		"qemu.conf": "stdio_handler = \"file\"\nsecurity_driver = \"none\"\n" +
			"cgroup_controllers = []\nnamespaces = []\n" +
			"user = \"root\"\ngroup = \"root\"\nremember_owner = 0\nmax_core = 0\n",
	} {
		if err := os.WriteFile(filepath.Join(h.libvirtDir(), "etc", name), []byte(text),
			0o644); err != nil {
			return err
		}
	}
	return nil
}

// launch starts a long-running command and records it in the lab's state.
func (h *Host) launch(name string, cmd *exec.Cmd) error {
	l := h.lab
	l.mu.Lock()
	defer l.mu.Unlock()

	stderr, err := os.OpenFile(filepath.Join(h.RunDir, name+".stderr"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer stderr.Close()

	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
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

	l.state.Processes[h.Name+"/"+name] = started
	return l.saveLocked()
}

// child waits for the one child of a process that was launched.
func (h *Host) child(ctx context.Context, name string) (process, error) {
	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	parent := h.daemon(name).PID
	var found process
	err := waitFor(ctx, "the child of "+name, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
		var pid int
		if err != nil {
			return false
		}

		if _, err := fmt.Sscan(string(text), &pid); err != nil {
			return false
		}

		found, err = identify(pid)
		return err == nil
	})

	return found, err
}

// StartLibvirt starts the host's libvirtd and returns when it answers. It finds guests that are
// running already.
func (h *Host) StartLibvirt(ctx context.Context) error {
	if h.daemon(machines).PID == 0 {
		if err := h.hold(ctx); err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
	}

	holder, err := h.child(ctx, machines)
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}

	// nsenter(1) has entered a process namespace, so it stays as the parent and ends with its
	// child.
	cmd := exec.Command(program("nsenter"), "--target", fmt.Sprint(holder.PID), "--mount", "--pid",
		"--uts", "--net", "--", program(libvirtd), "--listen",
		"--pid-file", "/run/libvirt/libvirtd.pid")

	cmd.Env = append(os.Environ(), h.env...)
	if err := h.launch(libvirtd, cmd); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}

	daemon, err := h.child(ctx, libvirtd)
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}

	if err := h.lab.update(func() {
		h.lab.state.Processes[h.Name+"/"+libvirtd] = daemon
	}); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	return waitFor(ctx, "libvirtd of host "+h.Name, func() bool {
		conn, err := h.Dial(ctx, "tcp", fmt.Sprintf("%s:%d", h.MgmtIP, libvirtPort))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// KillLibvirt ends libvirtd with SIGKILL, and leaves its guests running; StartLibvirt starts it
// again.
func (h *Host) KillLibvirt() error { return h.stopDaemon(libvirtd, unix.SIGKILL) }

// Virsh runs virsh(1) against the host's libvirt and returns what it printed.
func (h *Host) Virsh(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), libvirtGrace)
	defer cancel()
	return h.lab.Controller.Run(ctx, program("virsh"),
		append([]string{"-q", "-c", h.LibvirtURI()}, args...)...)
}
