//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what processes have used since they started, together.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes, resident now, without what they share with other processes
}

func (u usage) since(before usage) usage {
	return usage{cpu: u.cpu - before.cpu, memory: u.memory - before.memory}
}

// tick is the unit of processor time in /proc/PID/stat: USER_HZ, which is 100 on all Linux that Go runs on (proc(5)).
const tick = 10 * time.Millisecond

// used reads what processes use; those that have ended count as nothing.
func used(pids []int) usage {
	var sum usage
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The second field is a name in parentheses; user and system time are the 14th and 15th.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, _ := strconv.ParseInt(field, 10, 64)
			sum.cpu += time.Duration(ticks) * tick
		}
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
