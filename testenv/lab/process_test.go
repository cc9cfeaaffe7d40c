//go:build linux

package lab

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKillSparesARecycledPID(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}

	running, err := identify(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}

	older := process{PID: running.PID, Start: running.Start - 1}
	if older.alive() {
		t.Error("a process with another start time is alive")
	}
	if err := older.kill(unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if !running.alive() {
		t.Error("a process with another start time was killed")
	}
	if err := running.kill(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if running.alive() {
		t.Error("the killed process is alive")
	}
	if err := child.Wait(); err == nil {
		t.Error("the killed process ended well")
	}
	if err := running.kill(unix.SIGKILL); err != nil {
		t.Errorf("kill a process that is gone: %v", err)
	}
}

func TestIdentify(t *testing.T) {
	self, err := identify(os.Getpid())
	if err != nil || self.PID != os.Getpid() || self.Start == 0 {
		t.Errorf("identify this process: %+v, %v", self, err)
	}
	if p, err := identify(1 << 30); err == nil || p != (process{}) {
		t.Errorf("identify no process: %+v, %v", p, err)
	}
}
