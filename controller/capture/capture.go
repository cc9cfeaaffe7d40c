package capture

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Limits of captures.
const (
	DefaultRate = 2_000  // packets a second of one capture, where its user asks for no other
	MaxRate     = 10_000 // packets a second, of all captures of a host together
	MaxOnHost   = 4
	MaxOfOne    = 4  // captures of one token or certificate
	MaxInAll    = 32 // captures of the controller

	ringBytes = 4 << 20 // of packets that wait for the reader of a capture
)

// Request is what a user asks for.
type Request struct {
	// Flow is what is captured: its source, direction and filter. Its ids may be names.
	Flow    tap.Flow
	Snaplen int    // octets of each packet that are kept; 0 is all
	Rate    uint64 // packets a second; 0 stands for DefaultRate
	Owner   string // the token or certificate of the user
}

// Capture is a live capture that runs.
type Capture struct {
	ID      string
	Request Request
	Started time.Time

	ring     *ring
	received atomic.Uint64

	once  sync.Once
	ended chan struct{} // closed when the controller ends it
	why   error         // valid once ended is closed

	mu    sync.Mutex
	hosts map[string]Count // what switches have counted, by id of the host
}

// Count is what the switch of one host has counted of a capture.
type Count struct {
	Sent    uint64 // packets that the filter has accepted
	Limited uint64 // of these, packets that the rate limit has dropped
}

// Totals are what became of the packets of a capture.
type Totals struct {
	Received uint64 // by the controller
	Limited  uint64 // dropped by the rate limit
	// Lost is a lower bound of those that were lost on the way to the controller: the count of a
	// flow may be a second old. Where the limit has dropped packets it is 0, since what flows count
	// and what meters count is not of the same moment.
	Lost    uint64
	Dropped uint64 // since the reader was too slow
}

// New returns a capture that no hub has, for a request that is only checked.
func New(r Request) *Capture {
	return &Capture{
		ID: uuid.NewString(), Request: r, Started: time.Now(), ring: newRing(ringBytes),
		ended: make(chan struct{}), hosts: map[string]Count{},
	}
}

// Take takes a packet that a switch has sent. It does not block.
func (c *Capture) Take(p *openflow.PacketIn, at time.Time) {
	c.received.Add(1)
	data := p.Data
	if keep := c.Request.Snaplen; keep > 0 && len(data) > keep {
		data = append([]byte(nil), data[:keep]...) // The rest is not kept alive.
	}
	c.ring.put(Frame{At: at, Length: max(int(p.TotalLen), len(p.Data)), Data: data})
}

// Ready receives when there may be frames to take.
func (c *Capture) Ready() <-chan struct{} { return c.ring.ready }

// Frames returns the frames that wait, in the order in which they came.
func (c *Capture) Frames() []Frame { return c.ring.take() }

// Received is how many packets have arrived.
func (c *Capture) Received() uint64 { return c.received.Load() }

// End ends the capture for its reader. Why is nil if the user has stopped it.
func (c *Capture) End(why error) {
	c.once.Do(func() {
		c.why = why
		close(c.ended)
	})
}

// Ended is closed when the controller ends the capture; [Capture.Err] then says why.
func (c *Capture) Ended() <-chan struct{} { return c.ended }

// Err is why the controller has ended the capture; nil if the user has stopped it, or it runs.
func (c *Capture) Err() error {
	select {
	case <-c.ended:
		return c.why
	default:
		return nil
	}
}

// Counted notes what the switch of a host has counted.
func (c *Capture) Counted(host string, now Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[host] = now
}

// Totals are those as last counted.
func (c *Capture) Totals() Totals {
	c.mu.Lock()
	defer c.mu.Unlock()

	t := Totals{Received: c.received.Load(), Dropped: c.ring.lost()}
	sent := uint64(0)
	for _, count := range c.hosts {
		sent += count.Sent
		t.Limited += count.Limited
	}
	if t.Limited == 0 {
		t.Lost = sent - min(sent, t.Received)
	}
	return t
}
