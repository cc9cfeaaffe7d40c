package flowtable_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// connectTo returns a connection to a switch that answers hello and features,
// and every other message with what answer returns: nil is no answer, and
// hangUp ends the connection. The switch is gone when the test ends.
func connectTo(t *testing.T, answer func(openflow.Message) openflow.Message) *ofconn.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		speak(far, answer)
	}()

	conn, err := ofconn.Handshake(t.Context(), near, ofconn.Options{})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		conn.Close()
		<-done
	})

	return conn
}

var hangUp = &openflow.Raw{}

func speak(nc net.Conn, answer func(openflow.Message) openflow.Message) {
	buf := make([]byte, openflow.MaxMessageLen)
	for {
		if _, err := io.ReadFull(nc, buf[:openflow.HeaderLen]); err != nil {
			return
		}

		b := buf[:openflow.PeekLength(buf)]
		if _, err := io.ReadFull(nc, b[openflow.HeaderLen:]); err != nil {
			return
		}

		m, xid, err := openflow.Parse(b)
		if err != nil {
			return
		}

		var reply openflow.Message

		switch m.(type) {
		case *openflow.Hello:
			reply = &openflow.Hello{}
		case *openflow.FeaturesRequest:
			reply = &openflow.FeaturesReply{}
		case *openflow.EchoRequest:
			reply = &openflow.EchoReply{}
		default:
			reply = answer(m)
		}

		if reply == nil {
			continue
		}

		out, err := openflow.AppendMessage(nil, xid, reply)
		if err != nil || reply == hangUp {
			return
		}
		if _, err := nc.Write(out); err != nil {
			return
		}
	}
}

// bundles answers bundle messages as a switch that accepts everything, but the
// commit with what commit returns.
func bundles(commit func() openflow.Message) func(openflow.Message) openflow.Message {
	return func(m openflow.Message) openflow.Message {
		c, ok := m.(*openflow.BundleControl)
		switch {
		case !ok:
			return nil
		case c.Ctrl == openflow.BundleCommit:
			return commit()
		}

		return &openflow.BundleControl{BundleID: c.BundleID, Ctrl: c.Ctrl + 1}
	}
}

// TestOutcomeUnknown: once the commit is sent and its answer is missing, what
// took effect is unknown; before, nothing did.
func TestOutcomeUnknown(t *testing.T) {
	var ended *ofconn.ConnError
	silent := func() openflow.Message { return nil }
	tests := map[string]struct {
		answer  func(openflow.Message) openflow.Message
		mods    int
		unknown bool
		cause   func(error) bool
	}{
		"commit unanswered": {bundles(silent), 2, true,
			func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		"single unanswered": {bundles(silent), 1, true,
			func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		"cut at commit": {bundles(func() openflow.Message { return hangUp }), 2, true,
			func(err error) bool { return errors.As(err, &ended) }},
		"cut at single": {bundles(func() openflow.Message { return hangUp }), 1, true,
			func(err error) bool { return errors.As(err, &ended) }},
		"nonsense for commit": {bundles(func() openflow.Message {
			return &openflow.BarrierReply{}
		}), 2, true, func(error) bool { return true }},
		"cut before commit": {func(openflow.Message) openflow.Message { return hangUp }, 2, false,
			func(err error) bool { return errors.As(err, &ended) }},
		"silent before commit": {func(openflow.Message) openflow.Message { return nil }, 2, false,
			func(err error) bool {
				return errors.Is(err, context.DeadlineExceeded)
			}},
		"refused": {bundles(func() openflow.Message {
			return &openflow.Error{ErrType: openflow.ErrorExperimenter}
		}), 2, false, func(err error) bool {
			var refused *ofconn.RequestError
			return errors.As(err, &refused)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := connectTo(t, tt.answer)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := flowtable.Apply(ctx, conn, make([]openflow.FlowMod, tt.mods))
				if err == nil || errors.Is(err, flowtable.ErrOutcomeUnknown) != tt.unknown ||
					!tt.cause(err) {
					t.Errorf("Apply: %v; want outcome unknown: %v", err, tt.unknown)
				}
			})
		})
	}
}

func TestApplyOnEndedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connectTo(t, bundles(func() openflow.Message { return nil }))
		conn.Close()
		err := flowtable.Apply(t.Context(), conn, []openflow.FlowMod{{}})
		if !errors.Is(err, ofconn.ErrClosed) || errors.Is(err, flowtable.ErrOutcomeUnknown) {
			t.Errorf("Apply: %v, want ErrClosed, and the outcome is known", err)
		}

		if err := flowtable.Apply(t.Context(), conn, nil); err != nil {
			t.Errorf("Apply of nothing: %v, want nil", err)
		}
	})
}

func TestApplyRefusesWhatCannotBeEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connectTo(t, func(m openflow.Message) openflow.Message {
			t.Errorf("%v was sent", m.Type())
			return nil
		})
		err := flowtable.Apply(t.Context(), conn,
			[]openflow.FlowMod{{}, {Match: oxm.Match{oxm.Reg(99, 1)}}})
		var bad *flowtable.ModError
		if !errors.As(err, &bad) || bad.Index != 1 {
			t.Errorf("Apply: %v, want a ModError with index 1", err)
		}
	})
}

// TestUnsupported asks a switch that has neither bundles nor flow monitors.
func TestUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := connectTo(t, func(openflow.Message) openflow.Message {
			return &openflow.Error{ErrType: openflow.ErrorBadRequest, Code: 3}
		})
		if _, err := flowtable.Watch(t.Context(), conn); !errors.Is(err, flowtable.ErrUnsupported) {
			t.Errorf("Watch: %v, want ErrUnsupported", err)
		}

		for n := 1; n < 3; n++ {
			if err := flowtable.Apply(t.Context(), conn,
				make([]openflow.FlowMod, n)); !errors.Is(err, flowtable.ErrUnsupported) {
				t.Errorf("Apply of %d: %v, want ErrUnsupported", n, err)
			}
		}
	})
}
