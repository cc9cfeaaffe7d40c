package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// listeners are the open ports, with their TLS configurations; a nil configuration means plain TCP.
type listeners struct {
	openflow    net.Listener
	openflowTLS *tls.Config
	api         net.Listener
	apiTLS      *tls.Config
	ovsdb       net.Listener // nil if hosts do not connect to us
	ovsdbTLS    *tls.Config  // also for the connections that we make
}

// listen loads the certificates and opens the ports.
func (ctl *controller) listen(ctx context.Context) (err error) {
	c, l := ctl.config, &ctl.listeners
	if l.apiTLS, err = renewedTLS(c.API.TLS, ctl.log); err != nil {
		return fmt.Errorf("api.tls: %w", err)
	}
	if l.openflowTLS, err = serverTLS(c.OpenFlow.TLS); err != nil {
		return fmt.Errorf("openflow.tls: %w", err)
	}
	if l.ovsdbTLS, err = serverTLS(c.OVSDB.TLS); err != nil {
		return fmt.Errorf("ovsdb.tls: %w", err)
	}

	target := openflowTarget(c.OpenFlow.Listen, l.openflowTLS)
	if l.openflow, err = ofconn.Listen(ctx, target, l.openflowTLS); err != nil {
		return fmt.Errorf("openflow.listen: %w", err)
	}
	ctl.onClose(func() { _ = l.openflow.Close() })

	if l.api, err = net.Listen("tcp", c.API.Listen); err != nil {
		return fmt.Errorf("api.listen: %w", err)
	}
	ctl.onClose(func() { _ = l.api.Close() })
	ctl.warnOfPlainAPI()

	if c.OVSDB.Listen != "" {
		if l.ovsdb, err = net.Listen("tcp", c.OVSDB.Listen); err != nil {
			return fmt.Errorf("ovsdb.listen: %w", err)
		}
		ctl.onClose(func() { _ = l.ovsdb.Close() })
	}
	return nil
}

// warnOfPlainAPI warns if tokens are sent over the network unencrypted.
func (ctl *controller) warnOfPlainAPI() {
	tcp, ok := ctl.listeners.api.Addr().(*net.TCPAddr)
	if ok && ctl.listeners.apiTLS == nil && !tcp.IP.IsLoopback() {
		ctl.log.Warn("tokens are sent over the network unencrypted: "+
			"configure api.tls, or listen on 127.0.0.1", "api", tcp)
	}
}

// describe names the open API and OpenFlow ports.
func (l *listeners) describe() string {
	return fmt.Sprintf("api %v, openflow %v", l.api.Addr(), l.openflow.Addr())
}

// openflowTarget returns an IP:PORT as an OpenFlow connection method.
func openflowTarget(listen string, secure *tls.Config) string {
	if secure != nil {
		return "pssl:" + listen
	}
	return "ptcp:" + listen
}

func portOf(a net.Addr) uint16 {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Port()
	}
	return 0
}

// acceptPause is the time between a failed accept and the next.
const acceptPause = 100 * time.Millisecond

// acceptOVSDB hands the OVSDB connections that hosts make to their sessions.
func acceptOVSDB(
	ctx context.Context, listener net.Listener, ring *engine.Engine, log *slog.Logger,
) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()

	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // A shortage, such as of file descriptors, may pass.
			log.Warn("accepting an OVSDB connection failed", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}

		if !ring.AcceptOVSDB(conn) {
			log.Warn("OVSDB connection from an address that no registered host has",
				"remote", conn.RemoteAddr())
			_ = conn.Close()
		}
	}
}
