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

// realtime does a measurement with this program, and all that it starts meanwhile, under the kernel's policy SCHED_RR (sched(7)). Who is
// woken then runs on a processor that is free, or next, instead of by its share of time: what else the machine does is not measured, nor
// is that two processors are shared by two hosts, their guests and a controller. It holds for peers and us alike.
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

// schedule gives all threads of this process a policy. New ones, and processes, have that of the thread that starts them.
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
