package link

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/session/link/linktest"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

const patience = 30 * time.Second

// known is what the database of a linktest.Switch would show.
var known = switchIdentity{linktest.Ports[1].No, linktest.Ports[1].HWAddr, linktest.Nonce}

func newLink() *Link {
	l := New(Config{Logger: slog.New(slog.DiscardHandler), Wake: func() {}})
	l.Lead(1)
	return l
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 2*time.Millisecond, what)
}

// TestNewerOpenFlow: of two connections of a switch the newer counts.
func TestNewerOpenFlow(t *testing.T) {
	l := newLink()
	l.learn(known)
	serve := func() (*ofconn.Conn, chan struct{}) {
		conn, _ := linktest.Switch(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Serve(t.Context(), conn)
		}()

		await(t, "it is in use", func() bool {
			sw := l.Switch()
			return sw != nil && sw.Conn == conn
		})

		return conn, done
	}

	older, done := serve()
	newer, last := serve()
	<-done
	assert.Error(t, older.Err())
	assert.NoError(t, newer.Err())
	require.NoError(t, newer.Close())
	<-last
	assert.Nil(t, l.Switch())
}

// TestUnverified: a connection counts only once the switch at its end shows the ports that the
// host's database shows.
func TestUnverified(t *testing.T) {
	l := newLink()
	l.learn(switchIdentity{7, openflow.MAC{2, 99}, linktest.Nonce})
	conn, _ := linktest.Switch(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Serve(t.Context(), conn)
	}()

	await(t, "it is not verified", func() bool {
		return strings.Contains(l.WhyNoSwitch(), "other ports")
	})

	assert.Nil(t, l.Switch())
	l.learn(known) // A switch that has just started tells its database a little later.
	await(t, "it is in use", func() bool { return l.Switch() != nil })
	require.NoError(t, conn.Close())
	<-done
}

// TestNonce: ports that match are not enough where the database has a nonce; a description that
// follows a little later is.
func TestNonce(t *testing.T) {
	for _, tc := range []struct {
		name  string
		nonce string
		fits  bool
	}{
		{"the database has none yet", "", true},
		{"the same", linktest.Nonce, true},
		{"another", "tapline ffeeddccbbaa99887766554433221100", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLink()
			l.learn(switchIdentity{known.port, known.mac, tc.nonce})
			conn, _ := linktest.Switch(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				l.Serve(t.Context(), conn)
			}()

			if !tc.fits {
				await(t, "it is not verified", func() bool {
					return strings.Contains(l.WhyNoSwitch(), "other ports")
				})
				assert.Nil(t, l.Switch())
				l.mu.Lock() // What the switch showed before it applied what the database shows.
				l.unverified[0].description = tc.nonce
				l.identity = known
				l.mu.Unlock()
			}

			await(t, "it is in use", func() bool { return l.Switch() != nil })
			require.NoError(t, conn.Close())
			<-done
		})
	}
}
