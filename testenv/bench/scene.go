//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// scene is a lab of two hosts: guests web, db and app on the first, of which web talks to app, and
// a guest ids on the second.
type scene struct {
	*lab.Lab
	h1, h2            *lab.Host
	web, db, app, ids *lab.Guest
}

// bridge is the bridge that the first host's guests are plugged into.
func newScene(ctx context.Context, name, bridge string) (*scene, error) {
	l, err := lab.New(ctx, lab.Config{Name: fmt.Sprintf("%s%08x", name, rand.Uint32()), Hosts: 2})
	if err != nil {
		return nil, err
	}

	s := &scene{Lab: l, h1: l.Hosts[0], h2: l.Hosts[1]}
	if bridge != lab.WireBridge {
		_, err = s.h1.VSCtl("--may-exist", "add-br", bridge, "--", "set", "bridge", bridge,
			"datapath_type=netdev")
	}

	for _, g := range []struct {
		to     **lab.Guest
		host   *lab.Host
		name   string
		bridge string
	}{{&s.web, s.h1, "web", bridge}, {&s.db, s.h1, "db", bridge}, {&s.app, s.h1, "app", bridge},
		{&s.ids, s.h2, "ids", lab.WireBridge}} {
		if err == nil {
			*g.to, err = g.host.AddGuest(ctx, g.name, lab.GuestNIC{Bridge: g.bridge})
		}
	}

	if err != nil {
		return nil, errors.Join(err, l.Close())
	}

	// One frame, so that the switch learns where app is; app never sends otherwise.
	if err := s.frames(s.app, s.web, 1); err != nil {
		return nil, errors.Join(err, l.Close())
	}

	return s, nil
}

func (s *scene) frames(from, to *lab.Guest, n int) error {
	sender, err := from.Sender("eth0")
	if err != nil {
		return err
	}
	for range n {
		err = errors.Join(err, sender.Send(lab.UDP{Src: from.MAC(), Dst: to.MAC()}.Frame()))
	}
	return errors.Join(err, sender.Close())
}

// talk makes a guest send without pause until stop is called. It sleeps by a system call, since the
// runtime's timers may be a millisecond late.
func talk(from, to *lab.Guest, every time.Duration) (stop func() error, err error) {
	sender, err := from.Sender("eth0")
	if err != nil {
		return nil, err
	}

	quit := make(chan struct{})
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		pause := unix.NsecToTimespec(every.Nanoseconds())
		for seq := uint64(0); failed == nil; seq++ {
			select {
			case <-quit:
				return
			default:
			}

			err := sender.Send(lab.UDP{Src: from.MAC(), Dst: to.MAC(), Tag: 1, Seq: seq}.Frame())
			// The link is down, as while the guest moves.
			if !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENOBUFS) {
				failed = err
			}

			// If a signal ends the sleep early, the frame goes out early.
			_ = unix.Nanosleep(&pause, nil)
		}
	})

	return func() error {
		close(quit)
		sending.Wait()
		return errors.Join(failed, sender.Close())
	}, nil
}
