//go:build linux

// Command init is the first process of the virtual machines of package vm: it mounts what a system
// needs, loads modules, runs one program, sends its output and its exit code, and ends the machine.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/vm/job"
)

func main() {
	out, code, err := run()
	switch {
	case out == nil:
		fmt.Fprintln(os.Stderr, "init:", err)
	case err != nil:
		fmt.Fprintf(out, "\n%s%v\n", job.Fault, err)
	default:
		fmt.Fprintf(out, "\n%s%d\n", job.Exit, code)
	}

	if out != nil {
		drain(out)
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // QEMU ends instead.
}

// run prepares the machine and runs the job. It returns the terminal as soon as there is one.
func run() (out *os.File, code int, err error) {
	if err := mount(); err != nil {
		return nil, 0, err
	}

	text, err := os.ReadFile(job.Path)
	if err != nil {
		return nil, 0, err
	}

	var j job.Job
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", job.Path, err)
	}

	out, err = os.OpenFile(j.Terminal, os.O_WRONLY, 0)
	if err != nil {
		return nil, 0, err
	}
	if err := raw(out); err != nil {
		return out, 0, err
	}

	for _, module := range j.Modules {
		if err := load(filepath.Join("/modules", module)); err != nil {
			return out, 0, err
		}
	}

	if err := loopback(); err != nil {
		return out, 0, err
	}

	if err := settle(); err != nil {
		return out, 0, err
	}

	code, err = execute(j, out)
	return out, code, err
}

// mount mounts the file systems of the kernel, and memory where programs write.
func mount() error {
	for _, fs := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"},
		{"tmpfs", "/tmp"}, {"tmpfs", "/run"},
	} {
		err := unix.Mount(fs.kind, fs.at, fs.kind, 0, "")
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", fs.at, err)
		}
	}

	return os.MkdirAll("/run/netns", 0o755)
}

// settle waits until the machine is old enough for Open vSwitch. In the first ten seconds
// count_cpu_cores() finds no processors, and ovs-vswitchd starts no thread that handles packets.
// The machine skips time in which it does nothing, so this costs none.
func settle() error {
	const age = 11 * time.Second
	for {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return fmt.Errorf("read the clock: %w", err)
		}
		left := age - time.Duration(now.Nano())
		if left <= 0 {
			return nil
		}
		time.Sleep(left)
	}
}

// load loads a module, which may be there already.
func load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()

	err = unix.FinitModule(int(f.Fd()), "", 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}

// raw has the terminal pass bytes as they are.
func raw(terminal *os.File) error {
	t, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("%s: %w", terminal.Name(), err)
	}
	t.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETS, t)
}

// drain waits until the terminal has sent everything, which a restart would cut.
func drain(terminal *os.File) {
	_ = unix.IoctlSetInt(int(terminal.Fd()), unix.TCSBRK, 1) // tcdrain(3)
}

func loopback() error {
	link, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// execute runs the program and returns its exit code. As the first process it also waits for every
// process whose parent has ended.
func execute(j job.Job, out *os.File) (int, error) {
	if err := os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"); err != nil {
		return 0, err
	}

	cmd := exec.Command(j.Command[0], j.Command[1:]...)
	cmd.Env, cmd.Dir = j.Env, j.Dir
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return 0, err
	}

	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case pid != cmd.Process.Pid:
		case status.Signaled():
			return 0, fmt.Errorf("%s: %v", j.Command[0], status.Signal())
		case status.Exited():
			return status.ExitStatus(), nil
		}
	}
}
