package ofconn

import (
	"log/slog"
	"time"
)

// Options are the limits of a connection. The zero value is usable.
type Options struct {
	// HandshakeTimeout bounds hello and features; 0 means 10 s.
	HandshakeTimeout time.Duration
	// WriteTimeout bounds one write, of at most MaxUnsent bytes and a little
	// more; 0 means 10 s.
	WriteTimeout time.Duration
	// EchoInterval is the time without a message from the peer after which an
	// echo is sent; after twice the time the connection ends with ErrSilent.
	// 0 means 5 s, a negative value never.
	EchoInterval time.Duration
	// MaxEvents bounds the events that wait in Conn.Events; 0 means 4096.
	MaxEvents int
	// MaxEventBytes bounds the wire size of these events; 0 means 4 MiB. A single event may be
	// larger.
	MaxEventBytes int
	// MaxUnasked is how many unasked messages are read a second, after a burst of 8192. A switch
	// that sends more is read more slowly. 0 means 2000, a negative value any number.
	MaxUnasked int
	// MaxUnsent bounds the bytes that wait to be written; senders block above
	// it. 0 means 256 KiB.
	MaxUnsent int
	// MaxReply bounds the bytes of all parts of one multipart reply; 0 means
	// 256 MiB, about two million flows.
	MaxReply int
	// Logger gets what ends the connection and what is dropped; nil discards.
	Logger *slog.Logger
}

const (
	defaultTimeout      = 10 * time.Second
	defaultEchoInterval = 5 * time.Second
	defaultMaxEvents    = 4096
	defaultMaxBytes     = 4 << 20
	defaultMaxUnasked   = 2000
	defaultMaxUnsent    = 256 << 10
	defaultMaxReply     = 256 << 20
)

func (o Options) withDefaults() Options {
	setDefault(&o.HandshakeTimeout, defaultTimeout)
	setDefault(&o.WriteTimeout, defaultTimeout)
	setDefault(&o.EchoInterval, defaultEchoInterval)
	setDefault(&o.MaxEvents, defaultMaxEvents)
	setDefault(&o.MaxEventBytes, defaultMaxBytes)
	setDefault(&o.MaxUnasked, defaultMaxUnasked)
	setDefault(&o.MaxUnsent, defaultMaxUnsent)
	setDefault(&o.MaxReply, defaultMaxReply)

	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}

	return o
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
