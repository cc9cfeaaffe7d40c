package session

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/controller/session/link/linktest"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
)

// TestReconnect: whichever connection ends, it is made anew, and what stands is not written again.
func TestReconnect(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	k.mu.Lock()
	applied, conns := k.applied, len(k.conns)
	first := k.conns[0]
	k.mu.Unlock()

	require.NoError(t, first.Close())
	k.await("OpenFlow is back", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.conns) > conns
	})

	k.ready(d)

	k.mu.Lock()
	reports := k.reports
	k.mu.Unlock()
	out, err := h.AppCtl("-t", "ovsdb-server", "ovsdb-server/reconnect")
	require.NoError(t, err, out)
	k.await("OVSDB is back", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.reports > reports+1 && allReady(k.report, d)
	})

	k.mu.Lock()
	applied++ // A program that follows is written before the database ends once more.
	k.mu.Unlock()
	d = k.use(program(func(p *tap.Program) { p.Flows[1].Mod.Priority = 7 }))
	k.ready(d)
	k.mu.Lock()
	reports = k.reports
	k.mu.Unlock()
	out, err = h.AppCtl("-t", "ovsdb-server", "ovsdb-server/reconnect")
	require.NoError(t, err, out)
	k.await("OVSDB is back again", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.reports > reports+1 && allReady(k.report, d)
	})

	k.mu.Lock()
	defer k.mu.Unlock()

	assert.Equal(t, applied, k.applied, "nothing had to be written")
	assert.Equal(t, 2, k.converged, "each program converged when it was new")
}

// TestSwitchRestarts: flows that a switch has lost are there again.
func TestSwitchRestarts(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	k.mu.Lock()
	applied := k.applied
	k.mu.Unlock()
	restartSwitch(t, k, h)
	k.await("everything is there again", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.applied > applied && allReady(k.report, d)
	})

	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
}

// restartSwitch ends a host's switch, which the session notices, and starts it again.
func restartSwitch(t *testing.T, k *kept, h *dummy.Host) {
	t.Helper()
	_, err := h.AppCtl("exit")
	require.NoError(t, err)
	k.await("the switch is away", func() bool { return k.last().Owners["cap1"].State == Waiting })
	assert.Contains(t, k.last().Owners["cap1"].Reason, "OpenFlow connection")
	k.await("it has ended", func() bool {
		_, err := os.Stat(filepath.Join(h.RunDir, "ovs-vswitchd.pid"))
		return os.IsNotExist(err)
	})

	restart(t, h.Daemon("ovs-vswitchd", nil, "--enable-dummy=override", "--disable-system",
		"unix:"+h.OVSDBSocket()))
}

// restart starts a daemon until the test ends.
func restart(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // It was killed, as it should be.
	})
}

// TestOffer: a connection that the host made is as good as one that we made.
func TestOffer(t *testing.T) {
	h := startHost(t)
	k := keep(t, "unix:/nonexistent/db.sock")
	d := k.use(program())
	require.True(t, k.Offer(offered(t, h)))
	k.ready(d)
	older := offered(t, h)
	require.True(t, k.Offer(older), "for when the present one ends")
	require.True(t, k.Offer(offered(t, h)), "in place of the one that waits")
	// The one that waits is cut too, and of no use.
	_, err := h.AppCtl("-t", "ovsdb-server", "ovsdb-server/reconnect")
	require.NoError(t, err)
	k.await("it is noticed", func() bool { return !k.last().Connected })
	k.await("a new one is taken", func() bool {
		if nc := offered(t, h); !k.Offer(nc) {
			_ = nc.Close()
		}
		return allReady(k.last(), d)
	})
}

// TestOfferWhileDialling: a host that connects to us is not kept waiting by a target that does not
// answer.
func TestOfferWhileDialling(t *testing.T) {
	h := startHost(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dialled := make(chan struct{})
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		var all []net.Conn
		for {
			nc, err := silent.Accept()
			if err != nil {
				break
			}
			if all = append(all, nc); len(all) == 1 {
				close(dialled)
			}
		}

		for _, nc := range all {
			_ = nc.Close()
		}
	}()

	t.Cleanup(func() {
		_ = silent.Close()
		<-accepting
	})

	k := keep(t, "ssl:"+silent.Addr().String(),
		func(c *Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} })

	start := time.Now()
	<-dialled
	d := k.use(program())
	require.True(t, k.Offer(offered(t, h)))
	k.ready(d)
	assert.Less(t, time.Since(start), link.DialTime)
}

// TestEndClosesOffered: a connection that nobody used is closed with the session, so that the host
// turns elsewhere.
func TestEndClosesOffered(t *testing.T) {
	k := keep(t, "unix:/nonexistent/db.sock")
	k.stop()
	ended(t, k)
	mine, theirs := net.Pipe()
	assert.False(t, k.Offer(mine))
	_ = mine.Close()
	_ = theirs.Close()

	s := New(Config{})
	mine, theirs = net.Pipe()
	require.True(t, s.Offer(mine))
	s.link.Close()
	_, err := theirs.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}

// TestServeOpenFlowAfterEnd: a connection that comes when the session has ended is not kept from
// the next one.
func TestServeOpenFlowAfterEnd(t *testing.T) {
	conn, _ := linktest.Switch(t)
	k := keep(t, "unix:/nonexistent/db.sock")
	k.stop()
	ended(t, k)
	served := make(chan struct{})
	go func() {
		defer close(served)
		k.ServeOpenFlow(t.Context(), conn)
	}()

	select {
	case <-served:
	case <-time.After(patience):
		t.Fatal("ServeOpenFlow keeps the connection")
	}

	assert.NoError(t, conn.Err(), "its owner closes it")
}

// TestDatapathID: it is the same for one host whenever a session is made, and differs between hosts
// and clusters.
func TestDatapathID(t *testing.T) {
	id := func(cluster, host string) uint64 {
		return New(Config{Cluster: cluster, HostID: host}).DatapathID()
	}
	assert.Equal(t, id("c1", "h1"), id("c1", "h1"))
	assert.NotEqual(t, id("c1", "h1"), id("c1", "h2"))
	assert.NotEqual(t, id("c1", "h1"), id("c2", "h1"))
	assert.NotEqual(t, id("c1", "1h1"), id("c11", "h1"))
	assert.NotZero(t, id("c1", "h1"))
}

func TestTarget(t *testing.T) {
	tcp := func(s string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", s)
		require.NoError(t, err)
		return a
	}
	for _, tc := range []struct {
		name   string
		config Config
		local  net.Addr
		want   string
	}{
		{"advertised", Config{Advertise: "ssl:tap.example:6653", OpenFlowPort: 1},
			tcp("192.0.2.1:5"), "ssl:tap.example:6653"},
		{"local address", Config{OpenFlowPort: 6653}, tcp("192.0.2.1:5"), "tcp:192.0.2.1:6653"},
		{"with TLS", Config{OpenFlowPort: 6653, OpenFlowTLS: true}, tcp("192.0.2.1:5"),
			"ssl:192.0.2.1:6653"},
		{"IPv6", Config{OpenFlowPort: 6653}, tcp("[2001:db8::1]:5"), "tcp:[2001:db8::1]:6653"},
		{"mapped", Config{OpenFlowPort: 6653}, tcp("[::ffff:192.0.2.1]:5"), "tcp:192.0.2.1:6653"},
		{"unix socket", Config{OpenFlowPort: 6653}, &net.UnixAddr{Name: "x", Net: "unix"},
			"tcp:127.0.0.1:6653"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.want, New(tc.config).target(tc.local))
		})
	}
}
