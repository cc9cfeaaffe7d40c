package session

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
)

// sightings notes what was told first about a port: that it was observed, or a report.
type sightings struct {
	mu    sync.Mutex
	port  string
	first string
	at    time.Time
	noted Report // if a report was first
}

func (s *sightings) await(port string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.port, s.first = port, ""
}

func (s *sightings) see(how string, snap *vswitch.Snapshot, r Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port == "" || s.first != "" || snap == nil {
		return
	}
	if _, stands := snap.PortByName(s.port); stands {
		s.first, s.at, s.noted = how, time.Now(), r
	}
}

func (s *sightings) how() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

func (s *sightings) watch(c *Config) {
	report := c.Report
	c.Report = func(r Report) {
		s.see("report", r.Snapshot, r)
		report(r)
	}
	c.Observed = func(snap *vswitch.Snapshot) { s.see("observed", snap, Report{}) }
}

// stopSwitch ends ovs-vswitchd, so that nothing more is applied; its database goes on.
func stopSwitch(t *testing.T, k *kept, h *dummy.Host) {
	t.Helper()
	_, err := h.AppCtl("exit")
	require.NoError(t, err)
	k.await("the switch is away", func() bool { return k.link.Switch() == nil })
}

// TestObservedWhileBusy: a port that appears while the switch is at what was written is told at
// once, and not with the report on what stands, which is put off meanwhile.
func TestObservedWhileBusy(t *testing.T) {
	h := startHost(t)
	var seen sightings
	k := keep(t, h.OVSDB, seen.watch)
	k.ready(k.use(program(withoutCapture)))
	stopSwitch(t, k, h)
	d := k.use(program(withoutCapture,
		func(p *tap.Program) { p.Bridge.OtherConfig["forward-bpdu"] = "true" }))

	k.await("it is written, and not applied", func() bool {
		r := k.last()
		return r.Program == d && r.Snapshot.System().CurCfg < r.Snapshot.System().NextCfg
	})

	seen.await("vnet2")
	begin := time.Now()
	vsctl(t, h, "--no-wait add-port br0 vnet2")
	k.await("the port is seen", func() bool { return seen.how() != "" })
	assert.Equal(t, "observed", seen.how())
	t.Logf("observed after %v", seen.at.Sub(begin))
	k.await("it is reported too", func() bool {
		_, stands := k.last().Snapshot.PortByName("vnet2")
		return stands && k.last().Program == d
	})
}

// TestObservedOnReturn: what has changed while a host could not be reached is told as soon as its
// database is open again, though its OpenFlow connection is not.
func TestObservedOnReturn(t *testing.T) {
	h := startHost(t)
	var seen sightings
	k := keep(t, "unix:/nonexistent/db.sock", seen.watch)
	nc := offered(t, h)
	require.True(t, k.Offer(nc))
	k.ready(k.use(program(withoutCapture)))
	stopSwitch(t, k, h)
	require.NoError(t, nc.Close())
	k.await("the database is away", func() bool { return !k.last().Connected })

	vsctl(t, h, "--no-wait add-port br0 vnet2")
	seen.await("vnet2")
	require.True(t, k.Offer(offered(t, h)))
	k.await("the port is seen", func() bool { return seen.how() != "" })
	assert.True(t, seen.noted.Connected)
	assert.Nil(t, seen.noted.Program, "what stands is told later")
}

// TestNotObservedBeforeFilled: a database that has restarted says nothing of ports until the switch
// has filled it in, so what it shows before then is not told.
func TestNotObservedBeforeFilled(t *testing.T) {
	h := startHost(t)
	var seen sightings
	k := keep(t, "unix:/nonexistent/db.sock", seen.watch)
	nc := offered(t, h)
	require.True(t, k.Offer(nc))
	d := k.use(program(withoutCapture))
	k.ready(d)
	stopSwitch(t, k, h)
	require.NoError(t, nc.Close())
	k.await("the database is away", func() bool { return !k.last().Connected })

	clear := "--no-wait add-port br0 vnet2 -- clear Interface br0 mac_in_use -- clear Interface " +
		"brtap " +
		"mac_in_use"

	vsctl(t, h, clear)
	require.True(t, k.Offer(offered(t, h)))
	k.await("what stands is reported", func() bool {
		r := k.last()
		return r.Connected && r.Program == d
	})

	_, stands := k.last().Snapshot.PortByName("vnet2")
	assert.False(t, stands, "what it shows is not told yet")

	seen.await("vnet2")
	vsctl(t, h, "--no-wait set Interface br0 mac_in_use=\"02:00:00:00:00:01\" -- set Interface "+
		"brtap "+
		"mac_in_use=\"02:00:00:00:00:02\"")

	k.await("the port is seen", func() bool { return seen.how() != "" })
	assert.Equal(t, "observed", seen.how())
}
