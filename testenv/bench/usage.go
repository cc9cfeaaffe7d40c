//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what processes have used since they started, together.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes, resident now, without what they share with other processes
}

func (u usage) since(before usage) usage {
	return usage{cpu: u.cpu - before.cpu, memory: u.memory - before.memory}
}

// clock returns the id of the clock that measures a process's processor time, in nanoseconds, over
// all threads, user and system: clock_getcpuclockid(3), which the kernel defines as
// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
func clock(pid int) int32 { return int32(^pid<<3 | 2) }

// used adds up the usage of processes; one that has ended counts as nothing.
func used(pids []int) usage {
	var sum usage
	for _, pid := range pids {
		var cpu unix.Timespec
		if err := unix.ClockGettime(clock(pid), &cpu); err != nil {
			continue
		}

		sum.cpu += time.Duration(cpu.Nano())
		statm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if pages := strings.Fields(string(statm)); len(pages) > 2 {
			resident, _ := strconv.ParseInt(pages[1], 10, 64)
			shared, _ := strconv.ParseInt(pages[2], 10, 64)
			sum.memory += (resident - shared) * int64(os.Getpagesize())
		}
	}

	return sum
}

// children are the processes that a process has started.
func children(pid int) []int {
	var pids []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}

	return pids
}
