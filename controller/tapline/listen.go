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

// allCertificates are the certificates of the ports; nil is plain TCP.
type allCertificates struct {
	openflow *certificates
	api      *certificates
	ovsdb    *certificates // also for the connections that we make
}

// listeners are the ports that are open while this process leads.
type listeners struct {
	openflow net.Listener
	ovsdb    net.Listener // nil if hosts do not connect to us
}

// listen loads the certificates and opens the port of the API. The other ports are tried, so that
// what is wrong with them shows at once.
func (ctl *controller) listen() (err error) {
	c, l := ctl.config, &ctl.certs
	if l.api, err = loadCertificates("api", c.API.TLS, ctl.log, "h2", "http/1.1"); err != nil {
		return err
	}
	if l.openflow, err = loadCertificates("openflow", c.OpenFlow.TLS, ctl.log); err != nil {
		return err
	}
	if l.ovsdb, err = loadCertificates("ovsdb", c.OVSDB.TLS, ctl.log); err != nil {
		return err
	}

	ctl.warnOfPlainText()

	if err := tryListen(c.OpenFlow.Listen); err != nil {
		return fmt.Errorf("openflow.listen: %w", err)
	}
	if ctl.api, err = net.Listen("tcp", c.API.Listen); err != nil {
		return fmt.Errorf("api.listen: %w", err)
	}
	ctl.onClose(func() { _ = ctl.api.Close() })

	if err := tryListen(c.OVSDB.Listen); err != nil {
		return fmt.Errorf("ovsdb.listen: %w", err)
	}
	return nil
}

// tryListen opens a port and closes it again. "" is no port.
func tryListen(address string) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// listen opens the ports that switches connect to.
func (l *leadership) listen(ctx context.Context) (err error) {
	c, secure := l.config, l.certs.openflow.server()
	target := openflowTarget(c.OpenFlow.Listen, secure)
	if l.listeners.openflow, err = ofconn.Listen(ctx, target, secure); err != nil {
		return fmt.Errorf("openflow.listen: %w", err)
	}
	l.onClose(func() { _ = l.listeners.openflow.Close() })

	if c.OVSDB.Listen == "" {
		return nil
	}
	if l.listeners.ovsdb, err = net.Listen("tcp", c.OVSDB.Listen); err != nil {
		return fmt.Errorf("ovsdb.listen: %w", err)
	}
	l.onClose(func() { _ = l.listeners.ovsdb.Close() })
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

// describeListeners names the open API and OpenFlow ports.
func (l *leadership) describeListeners() string {
	return fmt.Sprintf("api %v, openflow %v", l.api.Addr(), l.listeners.openflow.Addr())
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
