package session

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/controller/session/repair"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Config says which host a session keeps, and whom it tells. Its functions must not block.
type Config struct {
	HostID    string
	Host      string      // name
	Target    string      // OVSDB server to dial
	TLS       *tls.Config // to dial it, if it is ssl:
	AcceptTLS *tls.Config // for connections that the host makes; nil: without TLS
	Cluster   string      // id that marks our rows
	TapBridge string      // name

	// Term is the number of the term for which this process leads; 0: there are no replicas. A
	// session of a term takes the host from whoever keeps it.
	Term uint64
	// Fenced is called when the switch shows that a newer leader has taken it, and Leads does not
	// say otherwise. May be nil.
	Fenced func(error)
	// Leads asks whether this process still leads. It is asked where a switch suggests that there
	// is a newer leader, before it is taken. Nil: it does.
	Leads func(context.Context) error

	// OpenFlow target for the switch; "": the local address of the OVSDB connection
	Advertise    string
	OpenFlowPort uint16
	OpenFlowTLS  bool

	// Certified reports whether a certificate names the host. An error says that it must not be
	// taken for the host's. Nil: nobody can tell.
	Certified func(*x509.Certificate) (own bool, err error)

	// Refused says why nothing may be written to a switch that shows this, such as one that is not
	// the host's, or "". It is asked in each step, before anything is written. Nil refuses none.
	Refused func(*vswitch.Snapshot) string

	Turns *Turns // bounds how many hosts are brought up at once; nil: any number
	// Readings bounds how often hosts are asked whether their captures grow, all hosts together.
	// Nil: each is asked every second.
	Readings *rate.Limiter
	// Schemas and Models are shared by sessions whose switches have them in common; nil: not
	// shared.
	Schemas *client.Schemas
	Models  *vswitch.Models

	Logger *slog.Logger

	// Report takes what was read, from the session's goroutine.
	Report func(Report)
	// Observed takes a snapshot that shows something new of rows that are not ours, or of NICs and
	// tunnels, before the session acts on it.
	Observed func(*vswitch.Snapshot)
	// Counted takes a snapshot that differs from the last one in nothing but numbers that a switch
	// counts. May be nil.
	Counted func(*vswitch.Snapshot)
	// Applied is called after each write to the switch; drift: it repaired what somebody else
	// changed.
	Applied func(rows, flows int, drift bool)
	// Converged takes the time from a new program until all of it was read back.
	Converged func(time.Duration)
	// Probed is called for a probe that arrived on this host: the datapath id of the tap bridge
	// that sent it, and its nonce.
	Probed func(sender, nonce uint64)
	// Copied takes a packet of a live capture, and when it arrived. May be nil.
	Copied func(*openflow.PacketIn, time.Time)
	// CopiesChanged is called when the switch's connection for live captures has come or gone. May
	// be nil.
	CopiesChanged func()
	// Sampled takes what the flows have counted. May be nil.
	Sampled func(meter.Reading)
}

// Turns bounds how many hosts are brought up at once.
type Turns = link.Turns

// NewReadings returns the bound on readings of all hosts: 50 a second. So each host is asked every
// second where there are no more, and a thousand hosts cost no more than fifty.
func NewReadings() *rate.Limiter { return rate.NewLimiter(50, 50) }

// NewTurns returns turns for n hosts at once; 0 means a default.
func NewTurns(n int) *Turns { return link.NewTurns(n) }

// Session keeps one host.
type Session struct {
	config     Config
	dpid       uint64
	nonce      string // for a tap bridge that has none
	log        *slog.Logger
	wake       chan struct{} // holds at most one, as the next two do
	tending    chan struct{} // probes are due, or were answered
	reading    chan struct{} // what captures send is to be read
	retire     chan struct{}
	link       *link.Link
	paths      *tunnelPaths
	collectors *collectors
	sampler    *sampler

	askCollectors func() // begins to ask for collectors, once; used by Run's goroutine alone

	// Used by Run's goroutine alone.
	converged *reconcile.Desired // of which Converged was called
	memory    reconcile.Memory
	quarrels  repair.Quarrels
	feedback  feedback
	epoch     uint64 // of the host, as this session has set it; 0: not yet
	above     uint64 // generation that the epoch must exceed, as the switch has seen it; 0: none
	rivalry   repair.Rivalry
	untaken   string       // why the switch could not be taken, as logged last
	flows     *switchFlows // of the OpenFlow connection that was used last; nil before the first

	mu      sync.Mutex
	desired *reconcile.Desired
	since   time.Time // when it became desired
}

// New returns a session that is not running.
func New(config Config) *Session {
	if config.Readings == nil {
		config.Readings = rate.NewLimiter(rate.Inf, 0)
	}
	sum := sha256.Sum256([]byte(config.Cluster + "\x00" + config.HostID))
	s := &Session{
		config: config, log: config.Logger,
		dpid:    binary.BigEndian.Uint64(sum[:]) | 1, // The switch refuses a datapath id of 0.
		nonce:   reconcile.NewNonce(),
		wake:    make(chan struct{}, 1),
		tending: make(chan struct{}, 1),
		reading: make(chan struct{}, 1),
		retire:  make(chan struct{}),
		sampler: newSampler(),
	}

	s.paths = newTunnelPaths(s.dpid, func() { notify(s.tending) })
	s.collectors = newCollectors(func() { notify(s.tending) })
	s.link = link.New(link.Config{
		Target: config.Target, TLS: config.TLS, AcceptTLS: config.AcceptTLS,
		TapBridge: config.TapBridge,
		Certified: config.Certified, Turns: config.Turns, Schemas: config.Schemas,
		Logger: config.Logger,
		Wake:   s.poke, PacketIn: s.packetIn, Copied: config.Copied,
		CopiesChanged: config.CopiesChanged,
		Sample:        s.sampleInBackground,
		UsesResources: s.usesResources,
	})

	return s
}

// DatapathID is that of the host's tap bridge; an OpenFlow connection that claims it may be the
// host's.
func (s *Session) DatapathID() uint64 { return s.dpid }

// Apply makes a program the desired one. Only the latest counts. It does not block.
func (s *Session) Apply(d *reconcile.Desired) {
	s.mu.Lock()
	s.desired, s.since = d, time.Now()
	s.mu.Unlock()
	s.poke()
}

// Offer hands over an OVSDB connection that the host made to us. It reports whether the session
// takes it; see [link.Link.Offer].
func (s *Session) Offer(nc net.Conn) bool { return s.link.Offer(nc) }

// ServeOpenFlow uses a connection that claims to be the host's tap bridge until it ends; see
// [link.Link.Serve].
func (s *Session) ServeOpenFlow(ctx context.Context, conn *ofconn.Conn) { s.link.Serve(ctx, conn) }

// OpenFlowConnected reports whether the switch's OpenFlow connection is in use.
func (s *Session) OpenFlowConnected() bool { return s.link.Switch() != nil }

// Captures reports whether the switch's connection for live captures is in use.
func (s *Session) Captures() bool { return s.link.Captures() }

// Retire makes Run take everything of ours off the switch, as soon as the switch can be reached,
// and return then. It is called once.
func (s *Session) Retire() { close(s.retire) }

// refuses reports whether nothing may be written to a switch that shows this.
func (s *Session) refuses(snap *vswitch.Snapshot) bool {
	return s.config.Refused != nil && s.config.Refused(snap) != ""
}

// Wake makes the session look again. It does not block.
func (s *Session) Wake() { s.poke() }

// poke wakes the loop.
func (s *Session) poke() { notify(s.wake) }

// notify leaves a message in a channel that holds one, if there is none yet.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// current returns the desired program, nil before the first, and when it became so.
func (s *Session) current() (*reconcile.Desired, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desired, s.since
}

// packetIn takes a packet that the switch sent to the controller.
func (s *Session) packetIn(p *openflow.PacketIn) {
	if sender, nonce, ok := ParseProbe(p); ok {
		s.config.Probed(sender, nonce)
		return
	}

	if s.feedback.samples.take(p) {
		notify(s.reading)
	}
}
