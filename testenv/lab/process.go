//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stopGrace = 3 * time.Second // from SIGTERM to SIGKILL
	killGrace = 5 * time.Second // from SIGKILL to giving up
)

// process identifies a running process beyond the reuse of its pid.
type process struct {
	PID int `json:"pid"`
	// Start is in clock ticks since boot: field 22 of /proc/PID/stat, proc(5).
	Start uint64 `json:"start"`
}

// identify reads the start time of a process.
func identify(pid int) (process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, fmt.Errorf("identify process %d: %w", pid, err)
	}

	// Field 2 is the command in parentheses and may itself hold any character.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return process{},
			fmt.Errorf("identify process %d: /proc/%d/stat has %d fields after the command, want "+
				"20 or more", pid, pid, len(fields))
	}

	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("identify process %d: start time: %w", pid, err)
	}

	return process{PID: pid, Start: start}, nil
}

// alive says whether the process still runs; a zombie does not.
func (p process) alive() bool {
	fd, err := p.open()
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return !exited(fd, 0)
}

// open returns a pidfd of the process, or ESRCH where it is gone, even if
// another has got its pid.
func (p process) open() (int, error) {
	if p.PID <= 0 {
		return -1, unix.ESRCH
	}

	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return -1, err
	}

	// Read after the pidfd is open: from here on the pid cannot be reused.
	found, err := identify(p.PID)
	if err != nil || found != p {
		unix.Close(fd)
		return -1, unix.ESRCH
	}

	return fd, nil
}

// kill sends the signal and waits until the process has ended. If SIGTERM does
// not end it, SIGKILL does. A process that is gone is no error.
func (p process) kill(sig unix.Signal) error {
	fd, err := p.open()
	if errors.Is(err, unix.ESRCH) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("open process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)

	if sig == unix.SIGTERM {
		if err := signal(fd, unix.SIGTERM); err != nil {
			return fmt.Errorf("terminate process %d: %w", p.PID, err)
		}
		if exited(fd, stopGrace) {
			return nil
		}
	}

	if err := signal(fd, unix.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", p.PID, err)
	}
	if !exited(fd, killGrace) {
		return fmt.Errorf("kill process %d: still there %v after SIGKILL", p.PID, killGrace)
	}

	return nil
}

func signal(pidfd int, sig unix.Signal) error {
	err := unix.PidfdSendSignal(pidfd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// exited waits for the end of a process: its pidfd becomes readable.
func exited(pidfd int, wait time.Duration) bool {
	deadline := time.Now().Add(wait)
	for {
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		left := max(time.Until(deadline), 0)
		n, err := unix.Poll(fds, int(left.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n == 1
	}
}
