package client

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// Options of a connection. The zero value is good for all but TLS.
type Options struct {
	// TLS is needed to dial an "ssl:" target. New with TLS set is the server's
	// side of the handshake. ChainOnly makes a configuration that fits
	// certificates of ovs-pki(8).
	TLS *tls.Config
	// Dial replaces net.Dialer.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// ProbeInterval is how long the peer may be silent before it is sent an
	// echo request, and again how long it may then take to send anything. 0
	// means 5 s, less than 0 never.
	ProbeInterval time.Duration
	// WriteTimeout is how long a message may take to be written. 0 means 10 s.
	WriteTimeout time.Duration

	// MaxMessage bounds an incoming message, in bytes. 0 means 64 MiB.
	MaxMessage int
	// MaxInFlight bounds the requests that wait for replies; more wait to be
	// sent. 0 means 256.
	MaxInFlight int
	// QueueUpdates and QueueBytes bound the updates of one monitor that wait to
	// be taken. 0 means 1024, and 64 MiB of JSON text.
	QueueUpdates int
	QueueBytes   int

	// Schemas shares parsed schemas with other connections; nil parses each
	// anew.
	Schemas *Schemas

	// LeaderOnly ends the connection with ErrDatabaseGone when the server of a
	// clustered database is not, or no longer, its leader.
	LeaderOnly bool
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&o.MaxMessage, 64 << 20},
		{&o.MaxInFlight, 256},
		{&o.QueueUpdates, 1024},
		{&o.QueueBytes, 64 << 20},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}

	if o.ProbeInterval == 0 {
		o.ProbeInterval = 5 * time.Second
	}

	if o.WriteTimeout == 0 {
		o.WriteTimeout = 10 * time.Second
	}

	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}

	return o
}
