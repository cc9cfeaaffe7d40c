package ofconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// splitAddress reads an address as ovs-vsctl(8) writes it for controllers and managers:
// tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH. The passive forms (ptcp:, pssl:, punix:) are accepted
// too.
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
// failed handshake is logged and affects no other connection. The handshakes under way are bounded,
// in all and for each address; if all places are taken, a handshake that has stalled gives way.
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
		nc, err := accept(ctx, ln, opts.Logger)
		if nc == nil {
			return err
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
			// Greet at once: Open vSwitch looks for a hello as soon as it has connected. If
			// there is none, it looks again only when something else wakes it, and hangs up
			// after a second (seen on 3.1.0). So few bytes never block, and an error returns
			// in the handshake.
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

// accept waits for a connection. It returns none when ctx ends, with a nil error, or when the
// listener is closed. Other errors, such as "too many open files", pass: it tries again after a
// pause.
func accept(ctx context.Context, ln net.Listener, log *slog.Logger) (net.Conn, error) {
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			return nc, nil
		case ctx.Err() != nil:
			return nil, nil
		case errors.Is(err, net.ErrClosed):
			return nil, fmt.Errorf("accept: %w", err)
		}

		log.Warn("accept failed", "err", err)
		select {
		case <-time.After(acceptPause):
		case <-ctx.Done():
		}
	}
}

// serve calls the handler and closes the connection afterwards.
func (c *Conn) serve(ctx context.Context, handle func(context.Context, *Conn)) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.fail(ctx.Err()) })()
	handle(ctx, c)
}
