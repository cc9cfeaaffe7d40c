package ofconn_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// TestFloodIsReadSlowly: a switch that sends without end is held to a rate, and
// is still connected and served.
func TestFloodIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{MaxUnasked: 100})
		var sent atomic.Int64
		defer run(p, func(p peer) {
			go p.drain()
			for p.send(0, &openflow.PacketIn{}) == nil {
				sent.Add(1)
			}
		})()

		read := make(chan struct{})
		go func() {
			defer close(read)
			for range c.Events() {
				continue
			}
		}()

		<-time.After(10 * time.Second)

		if n := sent.Load(); n < 8192+900 || n > 8192+1100 {
			t.Errorf("%d messages were read in 10s, want 8192 and 100 a second", n)
		}

		if c.Err() != nil {
			t.Errorf("the connection ended: %v", c.Err())
		}

		start := time.Now()
		c.Close()
		<-read

		if d := time.Since(start); d > 0 {
			t.Errorf("Close took %v", d)
		}
	})
}

// TestExpectEvents: a connection that is found to be for more is read faster, and more may wait.
func TestExpectEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{MaxUnasked: 1, MaxEvents: 1})
		c.ExpectEvents(5000, 100_000)
		var sent atomic.Int64
		defer run(p, func(p peer) {
			go p.drain()
			for p.send(0, &openflow.PacketIn{}) == nil {
				sent.Add(1)
			}
		})()

		<-time.After(2 * time.Second)
		if n := sent.Load(); n < 8192+9900 || n > 8192+10100 {
			t.Errorf("%d messages were read in 2s, want 8192 and 5000 a second", n)
		}
		if n := c.Dropped(); n != 0 {
			t.Errorf("%d of them were dropped", n)
		}
		c.Close()
	})
}

// TestEventBytes: large events fill the queue sooner than small ones, and a
// consumer that reads makes room.
func TestEventBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{MaxEventBytes: 100_000})
		large := func(n int) {
			for range n {
				_ = p.send(0, &openflow.PacketIn{Data: make([]byte, 30_000)})
			}
			synctest.Wait()
		}
		large(5)

		if n := c.Dropped(); n != 2 {
			t.Errorf("%d of 5 dropped, want 2", n)
		}

		if n := len(<-c.Events()); n != 3 {
			t.Errorf("%d events, want 3", n)
		}

		large(4)

		if n := c.Dropped(); n != 3 {
			t.Errorf("%d dropped, want 3: three more had room", n)
		}
	})
}
