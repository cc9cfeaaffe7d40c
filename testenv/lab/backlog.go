//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A userspace switch takes frames from packet sockets that hold some 250. What comes while it is
// not scheduled and they are full is lost, which is no fault of what a test looks at. So a sender
// waits until the switches of its lab have taken most of what they were sent.
const (
	senderBurst = 32       // frames between two looks
	backlogFull = 48 << 10 // octets of memory of unread frames; a socket holds 208 KiB

	backlogPoll = 100 * time.Microsecond
	// backlogStall is how long a switch may take nothing before it counts as stopped.
	backlogStall = 2 * time.Second
)

// backlog looks at the frames that the switches of a lab have not taken yet.
type backlog struct {
	lists   []*os.File // /proc/net/packet of each host
	stopped bool       // a switch takes nothing: nobody waits for it any more
}

// newBacklog opens the lists of all hosts.
func newBacklog(l *Lab) (*backlog, error) {
	b := &backlog{}
	for _, h := range l.Hosts {
		err := h.Do(func() error {
			list, err := os.Open("/proc/thread-self/net/packet")
			if err == nil {
				b.lists = append(b.lists, list)
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	return b, nil
}

// wait returns once no switch has much left to take, or when one is stopped.
func (b *backlog) wait() error {
	least, since := -1, time.Now()
	for {
		worst := 0
		for _, list := range b.lists {
			octets, err := fullest(list)
			if err != nil {
				return err
			}
			worst = max(worst, octets)
		}

		switch {
		case worst <= backlogFull:
			b.stopped = false
			return nil
		case b.stopped:
			return nil
		case least < 0 || worst < least:
			least, since = worst, time.Now()
		case time.Since(since) > backlogStall:
			b.stopped = true
			return nil
		}
		time.Sleep(backlogPoll)
	}
}

// fullest is the memory of unread frames of the fullest packet socket in a list, in octets.
func fullest(list *os.File) (octets int, err error) {
	text := make([]byte, 16<<10)
	n, err := list.ReadAt(text, 0)
	if n == 0 {
		return 0, fmt.Errorf("read packet sockets: %w", err)
	}

	const column = 6 // Rmem
	for line := range bytes.Lines(text[:n]) {
		fields := bytes.Fields(line)
		if len(fields) <= column || fields[0][0] == 's' { // the heading
			continue
		}
		unread, err := strconv.Atoi(string(fields[column]))
		if err != nil {
			return 0, fmt.Errorf("read packet sockets: %q: %w", line, err)
		}
		octets = max(octets, unread)
	}
	return octets, nil
}

func (b *backlog) close() error {
	var errs []error
	for _, list := range b.lists {
		errs = append(errs, list.Close())
	}
	return errors.Join(errs...)
}
