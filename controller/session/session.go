package session

import (
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
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Config says which host a session keeps, and whom it tells.
type Config struct {
	HostID    string
	Host      string      // name
	Target    string      // OVSDB
	TLS       *tls.Config // to dial it, if it is ssl:
	AcceptTLS *tls.Config // of connections that the host makes; nil: none
	Cluster   string
	TapBridge string

	Advertise    string // OpenFlow target for the switch; "": the local address of the OVSDB connection
	OpenFlowPort uint16
	OpenFlowTLS  bool

	// Certified says whether a certificate names the host; an error says that it must not be taken for the host's. Without it any is
	// as good as any other.
	Certified func(*x509.Certificate) (own bool, err error)

	// Turns bounds how many hosts are brought up at once; nil: any number.
	Turns *Turns
	// Schemas and Models are what sessions share of what their switches have in common; nil where there is nobody to share with.
	Schemas *client.Schemas
	Models  *vswitch.Models

	Logger *slog.Logger
	// Report is told what was read, from the session's goroutine. It must not block.
	Report func(Report)
	// Observed is told a snapshot that shows something new of what is not ours, or of NICs and
	// tunnels, before the session acts on it. It must not block.
	Observed func(*vswitch.Snapshot)
	// Counted is told a snapshot that differs from the last one reported in nothing but numbers that a switch counts; nil where nobody
	// wants to know. It must not block.
	Counted func(*vswitch.Snapshot)
	// Applied is told of each write to the switch; drift if it repairs what somebody else has changed.
	Applied func(rows, flows int, drift bool)
	// Converged is told how long it took from a new program until all of it was read back.
	Converged func(time.Duration)
	// Probed is told of a probe that arrived on this host: by which tap bridge it was sent, and its nonce.
	Probed func(sender, nonce uint64)
	// Sampled is told what the flows have counted; nil where nobody wants to know.
	Sampled func(meter.Reading)
}

// Report is what a session knows of its host.
type Report struct {
	Connected bool
	Problem   string            // why not, if not Connected
	Snapshot  *vswitch.Snapshot // the last one; nil before the first
	Owners    map[string]OwnerState

	// Program is what the rest is about.
	Program *reconcile.Desired
	// Leaving are owners that are no longer in the program and whose objects the switch has not dropped yet.
	Leaving map[string]bool
}

// State is how far an owner's objects have come.
type State int

// The states.
const (
	Busy    State = iota // the switch is at it
	Waiting              // for what Reason says
	Ready                // stands, read back
	Failed               // for what Reason says
)

// OwnerState is what stands of an owner's objects.
type OwnerState struct {
	Fingerprint uint64 // of the objects that this is about, see reconcile.Desired
	State       State
	Reason      string
}

// Session keeps one host.
type Session struct {
	config Config
	dpid   uint64
	log    *slog.Logger

	wake    chan struct{} // holds at most one
	offered chan net.Conn
	retire  chan struct{}
	intake  *rate.Limiter

	sampler *sampler

	// Used by Run alone.
	converged *reconcile.Desired // of which Converged was told
	memory    reconcile.Memory
	quarrels  quarrels

	mu      sync.Mutex
	ended   bool // Run has returned
	desired *reconcile.Desired
	since   time.Time // when it became desired
	ways    ways
	turn    *turn // to be brought up; nil: none

	of        *switchConn
	arrivals  []*switchConn  // are being asked for their ports; the oldest first, as of
	strangers []*switchConn  // those that claim to be it, and are not known to be
	arrived   uint64         // how many ever
	came      time.Time      // when one came that claims to be the host's, whatever became of it
	trait     trait          // by which it is known
	used      *client.Conn   // OVSDB; nil while there is none
	doubted   bool           // it is being asked for a sign of life
	doubts    sync.WaitGroup // grows only while there is one
}

// switchConn is the OpenFlow connection of the tap bridge.
type switchConn struct {
	conn  *ofconn.Conn
	have  []openflow.FlowStats // as read, and as changed by us since
	stale bool                 // somebody else changed flows: read again
	// matches is that with which have agrees, if it is known; compared that with which it was compared last.
	matches, compared wantedFlows

	number uint64        // of its arrival
	known  chan struct{} // closed once it is known to be the host's
	ports  map[openflow.PortNo]openflow.MAC
	barred map[openflow.PortNo]openflow.Port // see barring
}

// New returns a session that is not running.
func New(config Config) *Session {
	sum := sha256.Sum256([]byte(config.Cluster + "\x00" + config.HostID))
	return &Session{
		config: config, log: config.Logger,
		dpid: binary.BigEndian.Uint64(sum[:]) | 1, // A datapath id of 0 is refused by the switch.
		wake: make(chan struct{}, 1), offered: make(chan net.Conn, 1), retire: make(chan struct{}),
		intake:  newIntake(),
		sampler: newSampler(),
	}
}

// DatapathID is that of the host's tap bridge: by it an OpenFlow connection is known to be this host's.
func (s *Session) DatapathID() uint64 { return s.dpid }

// Apply makes a program the desired one. Only the latest counts. It does not block.
func (s *Session) Apply(d *reconcile.Desired) {
	s.mu.Lock()
	s.desired, s.since = d, time.Now()
	s.mu.Unlock()
	s.poke()
}

// Offer hands over a connection that the host made to us. It reports whether the session takes it; one that waits already, and may be
// of no use any more, then gives way. One that is in use is used on if it still answers.
func (s *Session) Offer(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	select {
	case older := <-s.offered:
		_ = older.Close() // Nobody is interested in how.
	default:
	}
	s.offered <- nc // There is room: only the owner of mu fills it.
	if used := s.used; used != nil && !s.doubted {
		s.doubted = true
		s.doubts.Go(func() { s.doubt(used) })
	}
	return true
}

// Retire makes Run take everything of ours off the switch, if it is connected, and return. It is called once.
func (s *Session) Retire() { close(s.retire) }

func (s *Session) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // It is awake already.
	}
}

func (s *Session) current() (*reconcile.Desired, time.Time, *switchConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desired, s.since, s.of
}
