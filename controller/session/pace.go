package session

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// What a host may cost, whatever it sends. Each step reads its database, works out what differs, and tells the engine, which all
// hosts share; what a switch really has to say stays far below.
const (
	stepRate  = 100 // steps a second, after stepBurst
	stepBurst = 500

	attemptRate  = 2 // connections a second, after attemptBurst
	attemptBurst = 20

	maxMessage = 32 << 20 // bytes; a port has some 500
	maxUpdates = 256      // that wait while a step waits for the switch
	readRate   = 8 << 20  // bytes a second of the database's connection, after readBurst
	readBurst  = 64 << 20
)

// newIntake limits what a session reads of its database's connections, one after another: a new connection does not begin with a
// new burst.
func newIntake() *rate.Limiter { return rate.NewLimiter(readRate, readBurst) }

// pacedConn is read no faster than readRate.
type pacedConn struct {
	net.Conn
	intake *rate.Limiter
}

// Read is called by one goroutine. It rests for milliseconds at most, since what it is given to fill is small beside readRate.
func (c *pacedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), readRate/100)])
	_ = c.intake.WaitN(context.Background(), n) // It is less than the burst.
	return n, err
}
