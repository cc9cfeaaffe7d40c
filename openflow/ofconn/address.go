package ofconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// splitAddress reads an address as ovs-vsctl(8) writes it for controllers and
// managers: tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH, where a listening side
// has a leading p in its scheme (ptcp:, pssl:, punix:), which is accepted.
func splitAddress(address string, config *tls.Config) (network, target string, err error) {
	scheme, target, ok := strings.Cut(address, ":")
	switch scheme = strings.TrimPrefix(scheme, "p"); {
	case !ok || target == "":
	case scheme == "tcp", scheme == "unix":
		return scheme, target, nil
	case scheme == "ssl" && config == nil:
		return "", "", fmt.Errorf("address %q: needs a TLS configuration", address)
	case scheme == "ssl":
		return "tcp", target, nil
	}

	return "", "", fmt.Errorf("address %q: want tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH", address)
}

func isTLS(address string) bool {
	return strings.HasPrefix(strings.TrimPrefix(address, "p"), "ssl:")
}

// Dial connects to a switch that listens, such as
// unix:/var/run/openvswitch/br0.mgmt, and does the handshake. The
// configuration is for ssl: only.
func Dial(ctx context.Context, address string, config *tls.Config, opts Options) (*Conn, error) {
	network, target, err := splitAddress(address, config)
	if err != nil {
		return nil, err
	}

	var nc net.Conn
	if isTLS(address) {
		nc, err = (&tls.Dialer{Config: config}).DialContext(ctx, network, target)
	} else {
		nc, err = (&net.Dialer{}).DialContext(ctx, network, target)
	}

	if err != nil {
		return nil, &ConnError{Remote: address, Err: err}
	}

	return Handshake(ctx, nc, opts)
}

// Listen opens a listener for switches that connect to us. The configuration
// is for ssl: only.
func Listen(ctx context.Context, address string, config *tls.Config) (net.Listener, error) {
	network, target, err := splitAddress(address, config)
	if err != nil {
		return nil, err
	}

	ln, err := (&net.ListenConfig{}).Listen(ctx, network, target)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}

	if isTLS(address) {
		ln = tls.NewListener(ln, config)
	}

	return ln, nil
}

// acceptPause is the time from a failed accept to the next.
const acceptPause = 100 * time.Millisecond

// Serve accepts connections until ctx ends, does their handshakes, and calls
// handle for each in a goroutine of its own. The connection is closed when
// handle returns, and ended when ctx ends. Serve closes ln, waits for all
// handlers, and returns nil if ctx ended, else the error of the listener. A
// failed handshake is logged and costs nobody else anything: those under way
// are bounded, in all and for each address, and where all places are taken one
// that has stalled gives way.
func Serve(
	ctx context.Context, ln net.Listener, opts Options, handle func(context.Context, *Conn),
) error {
	opts = opts.withDefaults()
	var running sync.WaitGroup
	defer running.Wait()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer func() {
		stop()
		ln.Close()
	}()

	lobby := newLobby(maxHandshakes, maxFromAddress)
	for {
		nc, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept: %w", err)
			}

			// Such as too many open files: it passes, so go on, but not at once.
			opts.Logger.Warn("accept failed", "err", err)

			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}

			continue
		}

		leave, err := lobby.enter(ctx, nc)
		if err != nil {
			nc.Close()
			if ctx.Err() == nil {
				opts.Logger.Warn("openflow connection refused", "remote", nc.RemoteAddr().String(),
					"err", err)
			}
			continue
		}

		c := newConn(nc, opts)
		if _, plain := nc.(*net.TCPConn); plain {
			// At once: Open vSwitch hangs up after a second, looks for a
			// greeting as soon as it has connected, and if there is none
			// looks again only when something else wakes it (seen on 3.1.0).
			// So few bytes never wait, and an error comes again.
			_ = c.greet()
		}

		running.Go(func() {
			c, err := c.establish(ctx)
			leave()
			if err != nil {
				opts.Logger.Info("openflow handshake failed", "remote", nc.RemoteAddr().String(),
					"err", err)
				return
			}
			c.serve(ctx, handle)
		})
	}
}

// serve hands the connection to its owner, and closes it afterwards.
func (c *Conn) serve(ctx context.Context, handle func(context.Context, *Conn)) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.fail(ctx.Err()) })()
	handle(ctx, c)
}
