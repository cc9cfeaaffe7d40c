package ofconn_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

func TestRequest(t *testing.T) {
	refusal := &openflow.Error{ErrType: openflow.ErrorBadRequest, Code: 1}
	// Features without body.
	malformed := func(xid uint32) []byte { return []byte{4, 6, 0, 8, 0, 0, 0, byte(xid)} }
	tests := map[string]struct {
		peer func(p peer, xid uint32)
		want func(m openflow.Message, err error) bool
	}{
		"reply": {
			func(p peer, xid uint32) { _ = p.send(xid, &openflow.BarrierReply{}) },
			func(m openflow.Message, err error) bool {
				_,
					ok := m.(*openflow.BarrierReply)
				return ok && err == nil
			},
		},
		"others first": {
			func(p peer, xid uint32) {
				_ = p.send(xid+1, &openflow.BarrierReply{})
				_ = p.send(xid, &openflow.PacketIn{}) // An event, whatever its xid.
				_ = p.send(0, refusal)
				_ = p.send(xid, &openflow.RoleReply{})
			},
			func(m openflow.Message, err error) bool {
				_,
					ok := m.(*openflow.RoleReply)
				return ok && err == nil
			},
		},
		"refused": {
			func(p peer, xid uint32) { _ = p.send(xid, refusal) },
			func(m openflow.Message, err error) bool {
				var r *ofconn.RequestError
				return m == nil && errors.As(err, &r) && r.Reply.Code == 1 &&
					r.Message.Type() == openflow.TypeBarrierRequest
			},
		},
		"malformed": {
			func(p peer, xid uint32) { _ = p.write(malformed(xid)) },
			func(m openflow.Message, err error) bool {
				var parse *wire.ParseError
				var ended *ofconn.ConnError
				return m == nil && errors.As(err, &parse) && !errors.As(err, &ended)
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := connect(t, ofconn.Options{})
				defer run(p, func(p peer) {
					_, xid := p.receive()
					tt.peer(p, xid)
				})()

				if m, err := c.Request(t.Context(), &openflow.BarrierRequest{}); !tt.want(m, err) {
					t.Errorf("Request: %+v, %v", m, err)
				}

				if err := c.Err(); err != nil {
					t.Errorf("the connection ended: %v", err)
				}
			})
		})
	}
}

// TestRequestsAtOnce: replies find their requests in any order.
func TestRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{})
		const n = 50
		defer run(p, func(p peer) {
			got := map[uint32]openflow.Message{}
			for range n {
				m, xid := p.receive()
				got[xid] = m
			}

			for xid, m := range got { // In random order.
				_ = p.send(xid, &openflow.EchoReply{Data: m.(*openflow.EchoRequest).Data})
			}
		})()

		results := make(chan error, n)
		for i := range n {
			go func() {
				m, err := c.Request(t.Context(), &openflow.EchoRequest{Data: []byte{byte(i)}})
				if err == nil && m.(*openflow.EchoReply).Data[0] != byte(i) {
					err = errors.New("somebody else's reply")
				}
				results <- err
			}()
		}

		for range n {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestRequestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer run(p, func(p peer) {
			_, first := p.receive()
			cancel()
			_, second := p.receive()
			_ = p.send(first, &openflow.BarrierReply{}) // Too late, and harmless.
			_ = p.send(second, &openflow.BarrierReply{})
		})()

		if err := c.Barrier(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Barrier: %v, want Canceled", err)
		}

		if err := c.Barrier(t.Context()); err != nil {
			t.Errorf("second Barrier: %v", err)
		}
	})
}

func TestRequestOnEndedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{})
		defer run(p, func(p peer) { p.receive(); p.nc.Close() })()
		err := c.Barrier(t.Context())
		var ended *ofconn.ConnError
		if !errors.As(err, &ended) {
			t.Errorf("Barrier: %v, want a ConnError", err)
		}
	})
}

func TestMultipart(t *testing.T) {
	part := func(more bool, flows ...openflow.FlowStats) *openflow.MultipartReply {
		m := &openflow.MultipartReply{Body: openflow.FlowStatsReply(flows)}
		if more {
			m.Flags = openflow.MultipartMore
		}
		return m
	}
	tests := map[string]struct {
		parts []openflow.Message
		want  int // Flows; -1 for an error.
		err   error
	}{
		"empty": {[]openflow.Message{part(false)}, 0, nil},
		"parts": {[]openflow.Message{part(true, openflow.FlowStats{}, openflow.FlowStats{}),
			part(true), part(false, openflow.FlowStats{})}, 3, nil},
		"other list": {[]openflow.Message{part(true, openflow.FlowStats{}),
			&openflow.MultipartReply{Body: openflow.PortDescReply{}}},
			-1, ofconn.ErrProtocol},
		"no multipart": {[]openflow.Message{&openflow.BarrierReply{}}, -1, ofconn.ErrProtocol},
		"without end": {[]openflow.Message{part(true, make([]openflow.FlowStats, 900)...),
			part(true, make([]openflow.FlowStats, 900)...),
			part(true, make([]openflow.FlowStats, 900)...)}, -1, ofconn.ErrReplyTooLong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := connect(t, ofconn.Options{MaxReply: 120_000})
				defer run(p, func(p peer) {
					_, xid := p.receive()
					for _, m := range tt.parts {
						_ = p.send(xid, m)
					}
				})()

				flows, err := ofconn.List[openflow.FlowStatsReply](t.Context(), c,
					openflow.FlowStatsRequest{})
				if !errors.Is(err, tt.err) || err == nil && len(flows) != tt.want {
					t.Errorf("List: %d flows, %v; want %d, %v", len(flows), err, tt.want, tt.err)
				}

				if err := c.Err(); err != nil {
					t.Errorf("the connection ended: %v", err)
				}
			})
		})
	}
}

func TestTwoPhase(t *testing.T) {
	control := func(t openflow.BundleType) openflow.Message {
		return &openflow.BundleControl{Ctrl: t}
	}
	prepare := []openflow.Message{control(openflow.BundleOpen), &openflow.FlowMod{},
		control(openflow.BundleClose)}
	refusal := &openflow.Error{}
	tests := map[string]struct {
		peer func(p peer, xid uint32) // Gets the id of the first message.
		want func(out ofconn.Outcome, err error) bool
	}{
		"committed": {
			func(p peer, xid uint32) {
				_ = p.send(xid, control(openflow.BundleOpenReply))
				_ = p.send(xid+2, control(openflow.BundleCloseReply))
				p.receive()
				_ = p.send(xid+3, control(openflow.BundleCommitReply))
			},
			func(out ofconn.Outcome, err error) bool {
				r, ok := out.Reply.(*openflow.BundleControl)
				return err == nil && out.Committed && ok && r.Ctrl == openflow.BundleCommitReply &&
					out.Refused == nil
			},
		},
		"refused before": {
			func(p peer, xid uint32) {
				_ = p.send(xid+1, refusal)
				_ = p.send(xid+2, control(openflow.BundleCloseReply))
			},
			func(out ofconn.Outcome, err error) bool {
				return err == nil && !out.Committed && len(out.Refused) == 1 &&
					out.Refused[0].Index == 1
			},
		},
		"close refused": {
			func(p peer, xid uint32) { _ = p.send(xid+2, refusal) },
			func(out ofconn.Outcome, err error) bool {
				return err == nil && !out.Committed && len(out.Refused) == 1 &&
					out.Refused[0].Index == 2
			},
		},
		"refused at commit": {
			func(p peer, xid uint32) {
				_ = p.send(xid+2, control(openflow.BundleCloseReply))
				p.receive()
				_ = p.send(xid+1, refusal)
				_ = p.send(xid+3, refusal)
			},
			func(out ofconn.Outcome, err error) bool {
				return err == nil && out.Committed && out.Reply == nil && len(out.Refused) == 2 &&
					out.Refused[0].Index == 1 && out.Refused[1].Index == 3
			},
		},
		"cut before": {
			func(p peer, xid uint32) { p.nc.Close() },
			func(out ofconn.Outcome, err error) bool { return err != nil && !out.Committed },
		},
		"cut at commit": {
			func(p peer, xid uint32) {
				_ = p.send(xid+2, control(openflow.BundleCloseReply))
				p.receive()
				p.nc.Close()
			},
			func(out ofconn.Outcome, err error) bool { return err != nil && out.Committed },
		},
		"malformed close": {
			func(p peer, xid uint32) { _ = p.write([]byte{4, 6, 0, 8, 0, 0, 0, byte(xid + 2)}) },
			func(out ofconn.Outcome, err error) bool { return err != nil && !out.Committed },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := connect(t, ofconn.Options{})
				defer run(p, func(p peer) {
					_, xid := p.receive()
					p.receive()
					p.receive()
					tt.peer(p, xid)
				})()

				out, err := c.TwoPhase(t.Context(), prepare, control(openflow.BundleCommit))
				if !tt.want(out, err) {
					t.Errorf("TwoPhase: %+v, %v", out, err)
				}
			})
		})
	}
}

// TestAsk: a request that was sent is answered while others are asked and answered before it.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{})
		defer run(p, func(p peer) {
			_, first := p.receive()
			_, second := p.receive()
			_ = p.send(second, &openflow.BarrierReply{})
			_ = p.send(first, &openflow.RoleReply{GenerationID: 3})
			_, third := p.receive()
			_ = p.send(third, &openflow.Error{ErrType: openflow.ErrorRoleRequestFailed})
		})()

		asked, err := c.Ask(t.Context(), &openflow.RoleRequest{Role: openflow.RoleMaster})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		m, err := asked.Wait(t.Context())
		if r, is := m.(*openflow.RoleReply); err != nil || !is || r.GenerationID != 3 {
			t.Errorf("Wait: %+v, %v", m, err)
		}

		asked, err = c.Ask(t.Context(), &openflow.RoleRequest{Role: openflow.RoleMaster})
		if err != nil {
			t.Fatal(err)
		}
		var refused *ofconn.RequestError
		if _, err := asked.Wait(t.Context()); !errors.As(err, &refused) {
			t.Errorf("Wait: %v, want a refusal", err)
		}
	})
}
