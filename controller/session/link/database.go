package link

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// DialTime bounds how long a connection may take until it can be used.
const DialTime = 5 * time.Second

const signTime = time.Second // for a sign of life

// Offer hands over an OVSDB connection that the host made to us. It reports whether the link takes
// it. One that waits already gives way, since it may be dead. The connection in use stays in use if
// it still answers.
func (l *Link) Offer(nc net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.closed {
		return false
	}

	select {
	case older := <-l.offered:
		_ = older.Close() // Nobody is interested in how.
	default:
	}

	l.offered <- nc

	if used := l.database; used != nil && !l.doubted {
		l.doubted = true
		l.doubts.Go(func() { l.doubt(used) })
	}

	return true
}

// Offered receives a connection that the host has made. The receiver owns it.
func (l *Link) Offered() <-chan net.Conn { return l.offered }

// doubt asks for a sign of life, and closes the connection if none comes: a host that connects
// again may have lost the connection it had, although no packet has told us.
func (l *Link) doubt(conn *client.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), signTime) // It ends with conn too.
	defer cancel()
	if err := conn.Echo(ctx); err != nil && conn.Err() == nil {
		l.log.Warn("OVSDB connection does not answer while the host has made another",
			"remote", conn.RemoteAddr(), "error", err)
		_ = conn.Close() // It returns nil.
	}

	l.mu.Lock()
	l.doubted = false
	l.mu.Unlock()
}

// Connect uses the connection that was offered, or dials if offered is nil, and checks whose
// certificate it shows. Connections that fail without end are held to a rate.
func (l *Link) Connect(ctx context.Context, offered net.Conn) (*client.Conn, error) {
	_ = l.attempts.Wait(ctx) // What comes next sees that ctx has ended.
	conn, err := l.open(ctx, offered)
	if err != nil {
		return nil, err
	}

	if peer := conn.PeerCertificate(); peer != nil {
		if _, err := l.config.certified(peer); err != nil {
			_ = conn.Close() // It returns nil.
			return nil, fmt.Errorf("OVSDB connection to %v: %w", conn.RemoteAddr(), err)
		}
	}

	l.log.Info("OVSDB connected", "remote", conn.RemoteAddr())
	return conn, nil
}

// open turns an offered network connection into an OVSDB connection, or dials. A connection that is
// offered meanwhile ends the dialling, which may lead nowhere.
func (l *Link) open(ctx context.Context, offered net.Conn) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTime)
	defer cancel()
	if offered == nil {
		conn, other, err := l.dial(ctx)
		if other == nil {
			return conn, err
		}
		offered = other
	}
	return client.New(ctx, &pacedConn{offered, l.intake}, l.options(l.config.AcceptTLS))
}

// dial dials the target. It returns the connection that was offered meanwhile instead, if any.
func (l *Link) dial(ctx context.Context) (conn *client.Conn, offered net.Conn, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err = client.Dial(ctx, l.config.Target, l.options(l.config.TLS))
	}()

	select {
	case <-done:
		return conn, nil, err
	case offered = <-l.offered:
	}

	stop()
	if <-done; err == nil {
		_ = conn.Close() // It returns nil.
	}

	return nil, offered, nil
}

// options bound what a host's database can cost: a message, and the updates that wait.
func (l *Link) options(secure *tls.Config) client.Options {
	return client.Options{
		TLS: secure, MaxMessage: maxMessage, QueueBytes: maxMessage, QueueUpdates: maxUpdates,
		Schemas: l.config.Schemas,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &pacedConn{nc, l.intake}, nil
		},
	}
}

// Use makes an OVSDB connection the one that OpenFlow connections are held against.
func (l *Link) Use(conn *client.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.database = conn
}

// Leave closes the OVSDB connection in use.
func (l *Link) Leave() {
	l.mu.Lock()
	conn := l.database
	l.database = nil
	l.mu.Unlock()

	_ = conn.Close() // It returns nil.
	l.doubts.Wait()
}
