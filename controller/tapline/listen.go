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

// listeners are the open ports, with their certificates; nil certificates mean plain TCP.
type listeners struct {
	openflow      net.Listener
	openflowCerts *certificates
	api           net.Listener
	apiCerts      *certificates
	ovsdb         net.Listener  // nil if hosts do not connect to us
	ovsdbCerts    *certificates // also for the connections that we make
}

// listen loads the certificates and opens the ports.
func (ctl *controller) listen(ctx context.Context) (err error) {
	c, l := ctl.config, &ctl.listeners
	if l.apiCerts, err = loadCertificates("api", c.API.TLS, ctl.log, "h2", "http/1.1"); err != nil {
		return err
	}
	if l.openflowCerts, err = loadCertificates("openflow", c.OpenFlow.TLS, ctl.log); err != nil {
		return err
	}
	if l.ovsdbCerts, err = loadCertificates("ovsdb", c.OVSDB.TLS, ctl.log); err != nil {
		return err
	}

	ctl.warnOfPlainText()

	secure := l.openflowCerts.server()
	target := openflowTarget(c.OpenFlow.Listen, secure)
	if l.openflow, err = ofconn.Listen(ctx, target, secure); err != nil {
		return fmt.Errorf("openflow.listen: %w", err)
	}

	ctl.onClose(func() { _ = l.openflow.Close() })

	if l.api, err = net.Listen("tcp", c.API.Listen); err != nil {
		return fmt.Errorf("api.listen: %w", err)
	}

	ctl.onClose(func() { _ = l.api.Close() })

	if c.OVSDB.Listen != "" {
		if l.ovsdb, err = net.Listen("tcp", c.OVSDB.Listen); err != nil {
			return fmt.Errorf("ovsdb.listen: %w", err)
		}
		ctl.onClose(func() { _ = l.ovsdb.Close() })
	}

	return nil
}

// plainOpenFlow is what is wrong with OpenFlow without TLS.
const plainOpenFlow = "OpenFlow is not encrypted, and any station that reaches the port can pose " +
	"as a switch: configure openflow.tls, or say openflow.insecure: true"

// warnOfPlainText warns of what is sent unencrypted and is not said to be meant, and of our own
// certificates that have expired.
func (ctl *controller) warnOfPlainText() {
	c := ctl.config
	if c.OpenFlow.TLS.IsZero() && !c.OpenFlow.Insecure {
		ctl.log.Warn(plainOpenFlow)
	}
	if err := c.CheckCertificates(time.Now()); err != nil {
		ctl.log.Warn("a certificate has expired", "error", err)
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
