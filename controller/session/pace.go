package session

import (
	"context"
	"net"
	"sync"
	"time"
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

// bucket holds back what is used faster than it fills. The zero value of what was used is a full bucket.
type bucket struct {
	rate, size float64 // per second; at once
	used       float64
	at         time.Time // when used was right
}

// take uses n of it and returns how long to wait before more is used.
func (b *bucket) take(now time.Time, n float64) time.Duration {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*b.rate) + n
	b.at = now
	return time.Duration(max(0, b.used-b.size) / b.rate * float64(time.Second))
}

// rest waits, but not longer than ctx lives.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// intake is what a session reads of its database's connections, one after another: a new connection does not begin with a new
// burst.
type intake struct {
	mu    sync.Mutex
	bytes bucket
}

func (i *intake) take(n int) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.bytes.take(time.Now(), float64(n))
}

// pacedConn is read no faster than readRate.
type pacedConn struct {
	net.Conn
	intake *intake
}

// Read is called by one goroutine. It rests for milliseconds at most, since what it is given to fill is small beside readRate.
func (c *pacedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), readRate/100)])
	rest(context.Background(), c.intake.take(n))
	return n, err
}
