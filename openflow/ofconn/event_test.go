package ofconn_test

import (
	"testing"
	"testing/synctest"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// TestEvents: what the switch sends unasked arrives in its order; what only
// abbreviates changes of this connection, and late replies, do not arrive.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{})
		own := openflow.FlowUpdate{Event: openflow.FlowAbbrev, XID: 5}
		foreign := openflow.FlowUpdate{Event: openflow.FlowAdded}
		sent := []struct {
			m       openflow.Message
			arrives bool
		}{
			{&openflow.PortStatus{}, true},
			{&openflow.MultipartReply{Body: openflow.FlowMonitorReply{own, own}}, false},
			{&openflow.MultipartReply{Body: openflow.FlowMonitorReply{own, foreign}}, true},
			{&openflow.BarrierReply{}, false},
			{&openflow.MultipartReply{Body: openflow.FlowStatsReply{{}}}, false},
			{&openflow.FlowMonitorPaused{}, true},
			{&openflow.RoleStatus{Role: openflow.RoleSlave, GenerationID: 9}, true},
			{&openflow.Hello{}, false},
			{&openflow.Error{}, true},
			{&openflow.EchoReply{}, false},
			{&openflow.FlowRemoved{}, true},
			{&openflow.Experimenter{Experimenter: 1}, true},
			{&openflow.FlowMonitorResumed{}, true},
			{&openflow.PacketIn{}, true},
		}
		for i, s := range sent {
			if err := p.send(uint32(1000+i), s.m); err != nil {
				t.Fatal(err)
			}
		}

		synctest.Wait()
		got := <-c.Events()
		for i, s := range sent {
			if !s.arrives {
				continue
			}

			if len(got) == 0 {
				t.Fatalf("no event with xid %d", 1000+i)
			}

			e := got[0]
			got = got[1:]

			if e.XID != uint32(1000+i) || e.Message.Type() != s.m.Type() {
				t.Errorf("event %v with xid %d, want %v with xid %d", e.Message.Type(), e.XID,
					s.m.Type(), 1000+i)
			}
		}

		if len(got)+len(c.Events()) > 0 {
			t.Errorf("more events: %v", got)
		}
	})
}

// TestEarlyEvents: a switch may speak before the handshake is complete.
func TestEarlyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connectWith(t, ofconn.Options{},
			func(p peer) { _ = p.send(7, &openflow.PortStatus{}) })
		if e := <-c.Events(); len(e) != 1 || e[0].XID != 7 {
			t.Errorf("events %+v, want the port status", e)
		}
	})
}

// TestSendIsRefused: the error for a message of Send is an event.
func TestSendIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{})
		if err := c.Send(t.Context(), &openflow.FlowMod{},
			&openflow.FlowMod{Table: 1}); err != nil {
			t.Fatal(err)
		}

		p.receive()
		m, xid := p.receive()
		if mod, ok := m.(*openflow.FlowMod); !ok || mod.Table != 1 {
			t.Fatalf("received %+v, want the second flow-mod", m)
		}

		_ = p.send(xid, &openflow.Error{})

		if e := <-c.Events(); len(e) != 1 || e[0].XID != xid ||
			e[0].Message.Type() != openflow.TypeError {
			t.Errorf("events %+v, want the error", e)
		}
	})
}
