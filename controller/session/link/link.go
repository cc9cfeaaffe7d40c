package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// Config says whose connections a [Link] keeps. Its functions are called from several goroutines
// and must not block, except Sample.
type Config struct {
	Target    string      // OVSDB server to dial, such as ssl:192.0.2.1:6640
	TLS       *tls.Config // to dial it, if it is ssl:
	AcceptTLS *tls.Config // for connections that the host makes; nil: without TLS
	TapBridge string      // name, for messages

	// Certified reports whether a certificate names the host. An error says that it must not be
	// taken for the host's. Nil: nobody can tell.
	Certified func(*x509.Certificate) (own bool, err error)

	Turns   *Turns          // bounds how many hosts are brought up at once; nil: any number
	Schemas *client.Schemas // shared by many hosts; nil: not shared
	Logger  *slog.Logger

	// Wake is called when something has changed that has to be compared again.
	Wake func()
	// UsesResources reports whether the program of the host has groups, meters or a fragment mode.
	UsesResources func() bool
	// PacketIn takes a packet that the tap bridge has sent to the controller.
	PacketIn func(*openflow.PacketIn)
	// Copied takes a packet of a live capture, and when it arrived. May be nil.
	Copied func(*openflow.PacketIn, time.Time)
	// CopiesChanged is called when the connection for live captures has come or gone. May be nil.
	CopiesChanged func()
	// Sample reads the counters of the switch. It is called in the background now and then while an
	// OpenFlow connection is served, and returns soon after its context ends.
	Sample func(context.Context)
}

// Link keeps the connections of one host. It is safe for concurrent use.
type Link struct {
	config   Config
	log      *slog.Logger
	offered  chan net.Conn // holds at most one; filled by the owner of mu alone
	attempts *rate.Limiter // OVSDB connections
	intake   *rate.Limiter // bytes read from them

	mu       sync.Mutex
	closed   bool
	database *client.Conn // OVSDB; nil while there is none
	doubted  bool         // database is being asked for a sign of life
	turn     *turn        // to be brought up; nil: none

	current    *Switch   // in use; nil: none
	copies     *Switch   // the one for live captures; nil: none
	arrivals   []*Switch // are being asked for their ports; the oldest first
	unverified []*Switch // claim to be the host's and are not known to be; the oldest first
	arrived    uint64    // how many connections ever
	// of a connection that claims to be the host's, whatever became of it
	lastArrival time.Time
	identity    switchIdentity // by which the host's switch is known
	lead        lead           // who may use them

	doubts sync.WaitGroup // of database; grows only while there is one
}

// errClosed says that the host is no longer kept.
var errClosed = errors.New("the host is no longer kept")

// New returns a link without connections.
func New(config Config) *Link {
	return &Link{
		config: config, log: config.Logger,
		offered:  make(chan net.Conn, 1),
		attempts: rate.NewLimiter(attemptRate, attemptBurst),
		intake:   newIntake(),
	}
}

// Switch returns the OpenFlow connection in use, or nil.
func (l *Link) Switch() *Switch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// WhyNoSwitch says why there is no OpenFlow connection in use.
func (l *Link) WhyNoSwitch() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	why := "the OpenFlow connection of bridge " + l.config.TapBridge + " is missing"
	if len(l.unverified) > 0 {
		remote := l.unverified[0].Conn.RemoteAddr()
		why += "; the one from " + remote.String() + " is of a switch with other ports"
	}
	return why
}

// LastArrival is when a switch that claims to be the host's connected last. One that is being
// checked is arriving now.
func (l *Link) LastArrival() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.arrivals)+len(l.unverified) > 0 {
		return time.Now()
	}
	return l.lastArrival
}

// Close closes the OpenFlow connections, so that the switch makes a new one to whoever keeps the
// host next, and an OVSDB connection that was offered and not used. No connection is taken any
// more.
func (l *Link) Close() {
	l.mu.Lock()
	all := slices.Concat(l.arrivals, l.unverified)
	for _, used := range []*Switch{l.current, l.copies} {
		if used != nil {
			all = append(all, used)
		}
	}

	if l.lead.waiting != nil {
		all = append(all, l.lead.waiting)
	}
	l.current, l.copies, l.arrivals, l.unverified, l.closed = nil, nil, nil, nil, true
	l.leadChangedLocked()
	l.mu.Unlock()

	for _, sw := range all {
		_ = sw.Conn.Close() // It returns nil.
	}

	select {
	case nc := <-l.offered:
		_ = nc.Close() // Nobody is interested in how.
	default:
	}
}
