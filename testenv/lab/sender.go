//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sender writes raw Ethernet frames to an interface, no faster than the switches of the lab take
// them. One goroutine at a time may use it.
type Sender struct {
	file    *os.File
	conn    syscall.RawConn
	backlog *backlog
	name    string
}

// Sender opens a sender on an interface of the node. Close it after use.
func (n *Node) Sender(ifname string) (*Sender, error) {
	file, err := n.packetSocket(ifname, func(fd int) error {
		// It only sends: what arrives must not pile up in its buffer.
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET,
			unix.SO_RCVBUF, 1))
	})
	if err != nil {
		return nil, fmt.Errorf("sender on %s of %s: %w", ifname, n.Name, err)
	}

	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("sender on %s of %s: %w", ifname, n.Name, err)
	}

	waiting, err := newBacklog(n.lab)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("sender on %s of %s: %w", ifname, n.Name, err)
	}

	return &Sender{file: file, conn: conn, backlog: waiting, name: n.Name + "/" + ifname}, nil
}

// Send writes frames, each whole as it is to appear on the wire.
func (s *Sender) Send(frames ...[]byte) error {
	for i, frame := range frames {
		if i%senderBurst == 0 {
			if err := s.backlog.wait(); err != nil {
				return fmt.Errorf("send on %s: %w", s.name, err)
			}
		}
		if err := s.write(frame); err != nil {
			return fmt.Errorf("frame %d of %d: %w", i+1, len(frames), err)
		}
	}
	return nil
}

// write writes one frame.
func (s *Sender) write(frame []byte) error {
	var sendErr error
	err := s.conn.Write(func(fd uintptr) bool {
		for {
			_, sendErr = unix.Write(int(fd), frame)
			if !errors.Is(sendErr, unix.EINTR) {
				return !errors.Is(sendErr, unix.EAGAIN)
			}
		}
	})
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("send %d octets on %s: %w", len(frame), s.name, err)
	}
	return nil
}

// Close closes the sender.
func (s *Sender) Close() error { return errors.Join(s.file.Close(), s.backlog.close()) }

// Stream is steady traffic. It ends after Count frames or after For, whichever
// comes first, or with its context; at least one of Count and For is set.
//
// A machine that stalls makes it late. It then sends 64 frames at once and lets
// the rest of what it owes go. Frames wait for switches that are late.
type Stream struct {
	// PPS is in frames per second, 1 to 1,000,000.
	PPS   int
	Count uint64        // 0: no bound
	For   time.Duration // 0: no bound
	// Frame builds frame number seq, counted from 0:
	//	func(seq uint64) []byte { return UDP{..., Seq: seq}.Frame() }
	Frame func(seq uint64) []byte
}

const (
	streamTick  = time.Millisecond // how often a stream sends what has become due
	streamBurst = 64               // frames
)

// Stream sends until the stream ends, and returns how many frames it sent. The
// end of ctx is no error.
func (s *Sender) Stream(ctx context.Context, stream Stream) (sent uint64, err error) {
	if stream.PPS < 1 || stream.PPS > 1_000_000 {
		return 0, fmt.Errorf("stream on %s: %d frames per second: want 1 to 1,000,000", s.name,
			stream.PPS)
	}
	if stream.Count == 0 && stream.For == 0 {
		return 0, fmt.Errorf("stream on %s: neither a count nor a duration bounds it", s.name)
	}

	tick := time.NewTicker(max(streamTick, time.Second/time.Duration(stream.PPS)))
	defer tick.Stop()
	begin := time.Now()
	last, due := begin, 1.0
	for {
		if err := s.backlog.wait(); err != nil {
			return sent, err
		}
		for ; due >= 1 && (stream.Count == 0 || sent < stream.Count); due-- {
			if err := s.write(stream.Frame(sent)); err != nil {
				return sent, err
			}
			sent++
		}

		if stream.Count != 0 && sent >= stream.Count || stream.For != 0 &&
			last.Sub(begin) >= stream.For {
			return sent, nil
		}

		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}

		now := time.Now()
		due = min(due+now.Sub(last).Seconds()*float64(stream.PPS), streamBurst)
		last = now
	}
}

// Traffic is a stream in the background.
type Traffic struct {
	cancel context.CancelFunc
	done   chan struct{}
	sent   uint64
	err    error
}

// Start runs a stream in the background. The caller stops it.
func (s *Sender) Start(ctx context.Context, stream Stream) *Traffic {
	ctx, cancel := context.WithCancel(ctx)
	t := &Traffic{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.sent, t.err = s.Stream(ctx, stream)
	}()
	return t
}

// Stop ends the stream now and returns how many frames were sent.
func (t *Traffic) Stop() (sent uint64, err error) {
	t.cancel()
	return t.Wait()
}

// Wait returns when the stream has reached its bounds.
func (t *Traffic) Wait() (sent uint64, err error) {
	<-t.done
	t.cancel()
	return t.sent, t.err
}
