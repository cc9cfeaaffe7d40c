package link

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// Bounds on what a host's database can cost, whatever it sends. What a switch really has to say
// stays far below: a port has some 500 bytes, a bridge at most 50,000 ports.
const (
	attemptRate  = 2 // connections a second, after attemptBurst
	attemptBurst = 20

	maxMessage = 32 << 20 // bytes
	maxUpdates = 256      // that wait while the session waits for the switch
	readRate   = 8 << 20  // bytes a second, after readBurst
	readBurst  = 64 << 20
)

// newIntake limits what is read from the connections of one database together: a new connection
// does not begin with a new burst.
func newIntake() *rate.Limiter { return rate.NewLimiter(readRate, readBurst) }

// pacedConn is read no faster than readRate.
type pacedConn struct {
	net.Conn
	intake *rate.Limiter
}

// Read is called by one goroutine. It waits for 10 ms at most, since it reads at most a hundredth
// of readRate.
func (c *pacedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), readRate/100)])
	_ = c.intake.WaitN(context.Background(), n) // n is less than the burst.
	return n, err
}
