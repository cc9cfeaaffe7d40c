//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// realtime runs a measurement with this program, and everything that it starts meanwhile, under the
// kernel's policy SCHED_RR (sched(7)). A process that is woken then runs on the next free processor
// instead of waiting for its share. So neither the machine's other work is measured, nor that two
// processors are shared by two hosts, their guests and a controller. Peers and Tapline are treated
// alike.
func realtime(measure func(*bench, context.Context) error) func(*bench, context.Context) error {
	return func(b *bench, ctx context.Context) error {
		err := schedule(unix.SCHED_RR, 1)
		if errors.Is(err, unix.EPERM) {
			b.table.add("not measured", "", err.Error())
			return nil
		}

		if err != nil {
			return err
		}

		err = measure(b, ctx)
		return errors.Join(err, schedule(unix.SCHED_NORMAL, 0))
	}
}

// schedule sets the policy of all threads of this process. New threads and processes inherit it.
func schedule(policy, priority uint32) error {
	for changed := true; changed; {
		changed = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}

		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}

			now, err := unix.SchedGetAttr(id, 0)
			if errors.Is(err, unix.ESRCH) || err == nil && now.Policy == policy {
				continue
			}

			if err == nil {
				now.Policy, now.Priority, now.Nice = policy, priority, 0
				err = unix.SchedSetAttr(id, now, 0)
			}

			if err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("scheduling policy %d of thread %d: %w", policy, id, err)
			}

			changed = true
		}
	}
	return nil
}
