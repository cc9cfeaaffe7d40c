package session

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/fault"
)

// leader is a session of a term, and what its engine is told.
type leader struct {
	*kept
	mu     sync.Mutex
	fenced []error
}

// lead runs a session of a term with a host.
func lead(t *testing.T, target string, term uint64, adjust ...func(*Config)) *leader {
	t.Helper()
	l := &leader{}
	l.kept = keep(t, target, append(adjust, func(c *Config) {
		c.Term = term
		c.Fenced = func(err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.fenced = append(l.fenced, err)
		}
	})...)
	return l
}

// told is what Fenced was called with.
func (l *leader) toldFenced() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.fenced)
}

func (l *leader) awaitFenced() {
	l.t.Helper()
	l.await("it is fenced", func() bool { return len(l.toldFenced()) > 0 })
}

// proxied has the switch connect through a proxy, which it returns.
func proxied(t *testing.T, c *Config) *fault.Proxy {
	t.Helper()
	proxy := proxyTo(t, c.Advertise)
	c.Advertise = proxy.Target()
	return proxy
}

func proxyTo(t *testing.T, target string) *fault.Proxy {
	t.Helper()
	proxy, err := fault.NewProxy(target)
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	return proxy
}

func shownEpoch(t *testing.T, h *dummy.Host) uint64 {
	t.Helper()
	text := vsctl(t, h, "--if-exists get Open_vSwitch . external_ids:tapline-epoch-"+cluster)
	n, err := strconv.ParseUint(strings.Trim(text, "\"\n"), 10, 64)
	require.NoError(t, err, text)
	return n
}

// rowIDs are the UUIDs of everything that stands, and what it is.
func rowIDs(t *testing.T, h *dummy.Host) string {
	t.Helper()
	var all []string
	for _, table := range []string{"Bridge", "Port", "Interface", "Mirror", "Controller"} {
		all = append(all, table+": "+vsctl(t, h, "--columns=_uuid --bare list "+table))
	}
	return strings.Join(all, "\n")
}

var durations = regexp.MustCompile(`duration=([0-9.]+)s`)

// youngest is the age of the youngest flow of the tap bridge.
func youngest(t *testing.T, h *dummy.Host) time.Duration {
	t.Helper()
	least := time.Duration(1<<63 - 1)
	found := durations.FindAllStringSubmatch(ofctl(t, h, "dump-flows", tapBridge), -1)
	require.NotEmpty(t, found)
	for _, f := range found {
		age, err := time.ParseDuration(f[1] + "s")
		require.NoError(t, err)
		least = min(least, age)
	}
	return least
}

// TestHandOver: a new leader takes a switch from one that believes to lead. It rewrites the epoch
// and where the switch connects, and nothing else. The old one loses both connections, says so
// once, and does not come back when the new one is gone.
func TestHandOver(t *testing.T) {
	h := startHost(t)
	older := lead(t, h.OVSDB, 5)
	older.ready(older.use(program()))
	assert.EqualValues(t, 5, shownEpoch(t, h))
	before, since := rowIDs(t, h), time.Now()
	first := older.link.Switch().Conn

	newer := lead(t, h.OVSDB, 9)
	newer.ready(newer.use(program()))
	standing(t, newer.kept)
	assert.EqualValues(t, 9, shownEpoch(t, h))
	assert.Equal(t, before, rowIDs(t, h), "rows were made anew")
	assert.GreaterOrEqual(t, youngest(t, h), time.Since(since).Truncate(time.Millisecond)-
		time.Second/10, "flows were made anew")
	applied, drifts, _ := newer.told()
	assert.Zero(t, applied+drifts, "something was written")
	assert.Contains(t, ofctl(t, h, "-OOpenFlow13", "show", tapBridge), tapBridge)

	older.awaitFenced()
	assert.Contains(t, older.last().Problem, "a newer leader keeps this switch")
	older.await("its OpenFlow connection is closed", func() bool { return first.Err() != nil })
	assert.Nil(t, older.link.Switch())

	newer.stop()
	ended(t, newer.kept)
	applied, _, _ = older.told()
	older.use(program(withoutCapture))
	conn, err := client.Dial(t.Context(), h.OVSDB, client.Options{})
	require.NoError(t, err)
	defer conn.Close()
	lock, err := conn.Lock(t.Context(), lockName(cluster))
	require.NoError(t, err)
	older.await("nobody stands in line for the lock", lock.Held)
	now, _, _ := older.told()
	assert.Equal(t, applied, now)
	assert.Len(t, older.toldFenced(), 1)
}

// TestQueuedTransaction: what a controller has written before it was stopped, and lay on a link
// that was down meanwhile, is not executed when the link is up again. By then the new leader has
// done its work and ended, and the database has given the lock back to the connection of the
// first, if that had it by lock. The first, which wakes up, may take the switch again then, but by
// a new connection.
func TestQueuedTransaction(t *testing.T) {
	for _, term := range []uint64{0, 5} {
		t.Run(strconv.FormatUint(term, 10), func(t *testing.T) {
			h := startHost(t)
			way := proxyTo(t, h.OVSDB)
			var asleep atomic.Bool
			older := lead(t, way.Target(), term, func(c *Config) {
				c.Refused = func(*vswitch.Snapshot) string {
					if asleep.Load() {
						return "nothing new is written"
					}
					return ""
				}
			})
			older.ready(older.use(program()))

			way.Set(fault.HalfOpen())
			older.use(program(withoutCapture))
			older.await("its transaction is on the way", func() bool {
				return strings.Contains(string(way.Held()), `"transact"`)
			})
			asleep.Store(true)

			newer := lead(t, h.OVSDB, 9)
			newer.ready(newer.use(program()))
			newer.stop()
			ended(t, newer.kept)

			before := vsctl(t, h, "get Open_vSwitch . next_cfg")
			way.Set(fault.Faults{})
			older.await("it was answered", func() bool { return older.last().Problem != "" })
			assert.Equal(t, before, vsctl(t, h, "get Open_vSwitch . next_cfg"))
			assert.Contains(t, vsctl(t, h, "list-ports br0"), "tlm-1")
		})
	}
}

// TestQueuedFlows: the same goes for flows, here on a connection that the switch keeps, since its
// row is not known as one of ours any more.
func TestQueuedFlows(t *testing.T) {
	h := startHost(t)
	rows := proxyTo(t, h.OVSDB)
	var way *fault.Proxy
	older := lead(t, rows.Target(), 5, func(c *Config) { way = proxied(t, c) })
	older.ready(older.use(program()))

	for _, p := range []*fault.Proxy{way, rows} {
		p.Set(fault.HalfOpen())
	}
	row := strings.TrimSpace(vsctl(t, h, "--bare --columns=_uuid list Controller"))
	vsctl(t, h, "clear Controller "+row+" external_ids")
	late := func(p *tap.Program) { p.Flows[1].Mod.Priority = 7 }
	older.use(program(late))
	older.await("its flows are on the way", func() bool { return len(way.Held()) > 100 })

	newer := lead(t, h.OVSDB, 9)
	newer.ready(newer.use(program()))
	applied, _, _ := newer.told()

	way.Set(fault.Faults{})
	older.await("the switch refuses them", func() bool {
		older.kept.mu.Lock()
		defer older.kept.mu.Unlock()
		return older.conns[0].Err() != nil
	})
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "priority=7")
	now, drifts, _ := newer.told()
	assert.Equal(t, applied, now)
	assert.Zero(t, drifts)

	rows.Set(fault.Faults{})
	older.awaitFenced()
}

// TestDatabaseRestarts: locks do not survive a restart of the switch's database, and a stale leader
// is the first to come back. It finds the epoch of the newer one.
func TestDatabaseRestarts(t *testing.T) {
	h := startHost(t)
	socket := "unix:" + h.OVSDBSocket()
	way, other := proxyTo(t, socket), proxyTo(t, socket)
	older := lead(t, way.Target(), 5)
	older.ready(older.use(program()))
	way.Set(fault.HalfOpen())
	newer := lead(t, other.Target(), 9)
	d := newer.use(program())
	newer.ready(d)

	other.Set(fault.Faults{Refuse: true})
	out, err := h.AppCtl("-t", "ovsdb-server", "exit")
	require.NoError(t, err, out)
	newer.await("it has ended", func() bool {
		_, err := os.Stat(h.RunDir + "/ovsdb-server.pid")
		return os.IsNotExist(err)
	})
	way.Cut()
	way.Set(fault.Faults{})
	restart(t, h.Daemon("ovsdb-server", nil, "--remote=punix:"+h.OVSDBSocket(),
		h.RunDir+"/conf.db"))

	older.awaitFenced()
	assert.EqualValues(t, 9, shownEpoch(t, h))
	applied, _, _ := newer.told()
	other.Set(fault.Faults{})
	newer.ready(newer.use(program(withoutCapture)))
	now, _, _ := newer.told()
	assert.Greater(t, now, applied)
	assert.EqualValues(t, 9, shownEpoch(t, h))
	assert.Empty(t, newer.toldFenced())
}

// TestSwitchForgetsGeneration: a switch that restarts has forgotten who was master, so the newer
// leader becomes it anew. A stale leader, to which the switch still connects, writes nothing.
func TestSwitchForgetsGeneration(t *testing.T) {
	h := startHost(t)
	rows := proxyTo(t, h.OVSDB)
	older := lead(t, rows.Target(), 5)
	older.ready(older.use(program()))
	rows.Set(fault.HalfOpen())
	row := strings.TrimSpace(vsctl(t, h, "--bare --columns=_uuid list Controller"))
	vsctl(t, h, "clear Controller "+row+" external_ids")

	newer := lead(t, h.OVSDB, 9)
	d := newer.use(program())
	newer.ready(d)
	restartSwitch(t, newer.kept, h)
	older.use(program(func(p *tap.Program) { p.Flows[1].Mod.Priority = 7 }))
	newer.ready(d)
	newer.await("the newer one alone is master", func() bool {
		return strings.Contains(vsctl(t, h, "--bare --columns=role list Controller"), "master") &&
			!strings.Contains(vsctl(t, h, "--bare --columns=role list Controller "+row), "master")
	})
	_, outranked := older.link.Outranked()
	assert.True(t, outranked, "the older one has not noticed")
	newer.ready(d)
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "priority=7")

	rows.Set(fault.Faults{})
	older.awaitFenced()
}

// TestCopiedDirectory: two controllers without replicas that have started from copies of one data
// directory. The first is stopped until the database has given its lock away. The second takes over
// with an epoch of its own, and the first writes nothing when it wakes up.
func TestCopiedDirectory(t *testing.T) {
	h := startHost(t)
	way := proxyTo(t, h.OVSDB)
	first := keep(t, way.Target())
	first.ready(first.use(program()))
	assert.EqualValues(t, 1, shownEpoch(t, h))
	conn := first.link.Switch().Conn

	second := keep(t, h.OVSDB)
	d := second.use(program())
	second.await("it stands in line", func() bool {
		return strings.Contains(second.last().Problem, "the lock tapline_c1")
	})
	way.Set(fault.HalfOpen())
	out, err := h.AppCtl("-t", "ovsdb-server", "ovsdb-server/reconnect")
	require.NoError(t, err, out)
	second.ready(d)
	assert.EqualValues(t, 2, shownEpoch(t, h))
	second.await("the first one's connection is closed", func() bool { return conn.Err() != nil })

	applied, _, _ := first.told()
	first.use(program(withoutCapture))
	way.Cut()
	way.Set(fault.Faults{})
	first.await("it stands back", func() bool {
		return strings.Contains(first.last().Problem, "the lock tapline_c1")
	})
	standing(t, second)
	now, _, _ := first.told()
	assert.Equal(t, applied, now)
}

// TestStoreWentBack: terms count from the beginning again, as in an election that was restored. The
// epoch that stands on the switch goes on, also where it was removed there: then the switch itself
// tells.
func TestStoreWentBack(t *testing.T) {
	for _, removed := range []bool{false, true} {
		t.Run(strconv.FormatBool(removed), func(t *testing.T) {
			h := startHost(t)
			before := lead(t, h.OVSDB, 500)
			before.ready(before.use(program()))
			before.stop()
			ended(t, before.kept)
			if removed {
				vsctl(t, h, "remove Open_vSwitch . external_ids tapline-epoch-"+cluster)
			}

			after := lead(t, h.OVSDB, 3)
			after.ready(after.use(program()))
			assert.EqualValues(t, 501, shownEpoch(t, h))
			assert.Empty(t, after.toldFenced())
		})
	}
}

// TestDoubtfulEpoch: a leader that finds an epoch above its term asks whether it still leads, and
// takes nothing from anybody if not.
func TestDoubtfulEpoch(t *testing.T) {
	h := startHost(t)
	newer := lead(t, h.OVSDB, 9)
	d := newer.use(program())
	newer.ready(d)

	slow := lead(t, h.OVSDB, 5, func(c *Config) {
		c.Leads = func(context.Context) error { return errors.New("another one leads") }
	})
	slow.use(program(withoutCapture))
	slow.await("it stands back", func() bool {
		return strings.Contains(slow.last().Problem, "another one leads")
	})
	assert.EqualValues(t, 9, shownEpoch(t, h))
	assert.Empty(t, newer.toldFenced())
	standing(t, newer.kept)
}

// TestSwitchThatLies: a switch whose lock and epoch a stranger takes deposes no leader. It is taken
// again.
func TestSwitchThatLies(t *testing.T) {
	h := startHost(t)
	k := lead(t, h.OVSDB, 5, func(c *Config) {
		c.Leads = func(context.Context) error { return nil }
	})
	k.ready(k.use(program()))

	stranger, err := client.Dial(t.Context(), h.OVSDB, client.Options{})
	require.NoError(t, err)
	defer stranger.Close()
	_, err = stranger.Steal(t.Context(), lockName(cluster))
	require.NoError(t, err)
	vsctl(t, h, "set Open_vSwitch . external_ids:tapline-epoch-"+cluster+"=70")

	k.await("the switch is taken again", func() bool { return shownEpoch(t, h) == 71 })
	k.ready(k.use(program(withoutCapture)))
	assert.Empty(t, k.toldFenced())
}

// TestEpochRemoved: an epoch that somebody removes, or overwrites, is put back without harm:
// nothing else is written, and no connection ends.
func TestEpochRemoved(t *testing.T) {
	for name, tc := range map[string]struct {
		behind string
		want   uint64
	}{
		"removed":   {"remove Open_vSwitch . external_ids tapline-epoch-c1", 9},
		"cleared":   {"clear Open_vSwitch . external_ids", 9},
		"lowered":   {"set Open_vSwitch . external_ids:tapline-epoch-c1=4", 9},
		"no number": {"set Open_vSwitch . external_ids:tapline-epoch-c1=nine", 9},
		"raised":    {"set Open_vSwitch . external_ids:tapline-epoch-c1=77", 78},
	} {
		t.Run(name, func(t *testing.T) {
			h := startHost(t)
			k := lead(t, h.OVSDB, 9)
			d := k.use(program())
			k.ready(d)
			applied, _, _ := k.told()
			conn := k.link.Switch().Conn

			vsctl(t, h, "--no-wait "+tc.behind)
			k.await("it is put back", func() bool {
				return strings.Contains(vsctl(t, h, "get Open_vSwitch . external_ids"),
					"tapline-epoch-c1=\""+strconv.FormatUint(tc.want, 10)+"\"")
			})
			now, drifts, _ := k.told()
			assert.Equal(t, applied, now)
			assert.Zero(t, drifts)
			if tc.want == 9 {
				assert.NoError(t, conn.Err())
			}

			k.ready(k.use(program(withoutCapture)))
			assert.Empty(t, k.toldFenced())
		})
	}
}

// TestNothingStays: a host that is removed keeps no id of ours.
func TestNothingStays(t *testing.T) {
	h := startHost(t)
	before := vsctl(t, h, "get Open_vSwitch . external_ids")
	k := lead(t, h.OVSDB, 9)
	k.ready(k.use(program()))
	assert.NotEqual(t, before, vsctl(t, h, "get Open_vSwitch . external_ids"))
	k.Retire()
	ended(t, k.kept)
	assert.Equal(t, before, vsctl(t, h, "get Open_vSwitch . external_ids"))
}

// TestForeignMaster: somebody else's controller that makes itself master of the tap bridge is an
// error of the host. It is left alone while it is there, and outranked once it is gone.
func TestForeignMaster(t *testing.T) {
	h := startHost(t)
	k := lead(t, h.OVSDB, 9)
	d := k.use(program())
	k.ready(d)

	ln, err := ofconn.Listen(t.Context(), "ptcp:127.0.0.1:0", nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	asked := 0
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		_ = ofconn.Serve(ctx, ln, ofconn.Options{}, func(ctx context.Context, c *ofconn.Conn) {
			_, err := c.Request(ctx,
				&openflow.RoleRequest{Role: openflow.RoleMaster, GenerationID: 1000})
			assert.NoError(t, err)
			mu.Lock()
			asked++
			mu.Unlock()
			for range c.Events() { // It never reads anything else.
			}
		})
	}()
	defer func() { <-serving }()
	defer stop()

	target := "tcp:" + ln.Addr().String()
	out, err := h.VSCtl("--", "--id=@f", "create", "Controller", `target="`+target+`"`, "--", "add",
		"Bridge", tapBridge, "controller", "@f")
	require.NoError(t, err, out)
	k.await("it is an error", func() bool {
		s := k.last().Owners["cap1"]
		return s.State == Failed && strings.Contains(s.Reason, "another OpenFlow controller at "+
			target+" has made itself master of bridge brtap (generation id ")
	})
	assert.Empty(t, k.toldFenced())

	row := strings.Fields(out)[0]
	vsctl(t, h, "remove Bridge brtap controller "+row)
	k.ready(d)
	assert.Greater(t, shownEpoch(t, h), uint64(1000))
	mu.Lock()
	defer mu.Unlock()
	assert.LessOrEqual(t, asked, 2, "a war of masters")
}

// TestUpgrade: a controller of the version before has the lock by lock, without an epoch, and asks
// for no role. A leader takes the switch from it, and its connection is closed.
func TestUpgrade(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program()))
	k.stop()
	ended(t, k)

	ln, err := ofconn.Listen(t.Context(), "ptcp:127.0.0.1:0", nil)
	require.NoError(t, err)
	conns, serving := make(chan *ofconn.Conn, 16), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(serving)
		_ = ofconn.Serve(ctx, ln, ofconn.Options{}, func(_ context.Context, c *ofconn.Conn) {
			conns <- c
			for range c.Events() { // Nobody is interested in them.
			}
		})
	}()
	defer func() { <-serving }()
	defer stop()

	row := strings.TrimSpace(vsctl(t, h, "--bare --columns=_uuid list Controller"))
	vsctl(t, h, "remove Open_vSwitch . external_ids tapline-epoch-"+cluster)
	_, err = h.VSCtl("set", "Controller", row, `target="tcp:`+ln.Addr().String()+`"`)
	require.NoError(t, err)
	old, err := client.Dial(t.Context(), h.OVSDB, client.Options{})
	require.NoError(t, err)
	defer old.Close()
	lock, err := old.Lock(t.Context(), lockName(cluster))
	require.NoError(t, err)
	require.True(t, lock.Held())
	equal := <-conns
	before, since := rowIDs(t, h), time.Now()

	newer := lead(t, h.OVSDB, 9)
	newer.ready(newer.use(program()))
	newer.await("the old connection is closed", func() bool { return equal.Err() != nil })
	assert.Equal(t, before, rowIDs(t, h), "rows were made anew")
	assert.GreaterOrEqual(t, youngest(t, h), time.Since(since).Truncate(time.Millisecond)-
		time.Second/10, "flows were made anew")
	assert.True(t, lock.Lost())
	assert.Empty(t, newer.toldFenced())
}

// TestCapturesOfTheRobbed: a live capture of the old leader gets nothing more.
func TestCapturesOfTheRobbed(t *testing.T) {
	h := startHost(t)
	older := lead(t, h.OVSDB, 5)
	older.ready(older.use(program(captured)))
	older.await("the second connection", older.Captures)

	newer := lead(t, h.OVSDB, 9)
	newer.ready(newer.use(program()))
	older.awaitFenced()
	assert.False(t, older.Captures())
	assert.Len(t, strings.Fields(vsctl(t, h, "--bare --columns=_uuid list Controller")), 1)
}

// TestRegisteredTwice: of two records of one switch in one process, the second steals the lock from
// the first, and that is no newer leader.
func TestRegisteredTwice(t *testing.T) {
	h := startHost(t)
	var mu sync.Mutex
	isRefused := false
	younger := lead(t, h.OVSDB, 9, func(c *Config) {
		c.HostID = "id-2"
		c.Refused = func(*vswitch.Snapshot) string {
			mu.Lock()
			defer mu.Unlock()
			if isRefused {
				return "it is the switch of host h1"
			}
			return ""
		}
	})
	younger.ready(younger.use(program()))

	elder := lead(t, h.OVSDB, 9, func(c *Config) {
		report := c.Report
		c.Report = func(r Report) { // As an engine does that looks at the snapshot.
			mu.Lock()
			isRefused = isRefused || r.Connected
			mu.Unlock()
			report(r)
		}
	})
	d := elder.use(program())
	elder.ready(d)
	younger.await("it is refused", func() bool {
		r := younger.last()
		return r.Connected && r.Program == nil
	})
	assert.Empty(t, younger.toldFenced())
	assert.Empty(t, elder.toldFenced())
	elder.ready(elder.use(program(withoutCapture)))
}

// TestSharedAddress: replicas may share an address that wanders. Then a new leader's switch is
// still connected to the old one, by a row that leads to both, and connects anew.
func TestSharedAddress(t *testing.T) {
	h := startHost(t)
	rows := proxyTo(t, h.OVSDB)
	var shared *fault.Proxy
	older := lead(t, rows.Target(), 5, func(c *Config) { shared = proxied(t, c) })
	older.ready(older.use(program()))
	address := shared.Target()
	rows.Set(fault.HalfOpen())
	first := older.link.Switch().Conn
	assert.NoError(t, first.Err())

	newer := lead(t, h.OVSDB, 9, func(c *Config) { c.Advertise = address })
	newer.use(program())
	newer.await("the switch connects anew", func() bool { return first.Err() != nil })
}
