package hypervisor

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/hypervisor/virshtest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	patience = 20 * time.Second
	webID    = "c5140c9c-494a-417e-8839-ec6a365ea1e3"
	dbID     = "19b21b86-cb36-4521-8302-b9e0aa343e54"
)

// discard drops all log messages.
var discard = slog.New(slog.DiscardHandler)

var webMAC = tap.MAC{0x52, 0x54, 0, 0xaa, 0, 1}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if path, err := program(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		os.Exit(code)
	}))
}

// program builds the fake virsh, without the race detector, since it is started often.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tapline-virsh-")
	if err != nil {
		return "", err
	}
	return virshtest.Build(dir)
})

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// scene is a fake libvirt with a worker on it.
type scene struct {
	t *testing.T
	virshtest.Fake
	orders *Orders
	stop   func()

	mu   sync.Mutex
	last Report
	all  []Report
}

func newScene(t *testing.T, domains map[string]*virshtest.Domain) *scene {
	t.Helper()
	return newSceneIn(t, t.TempDir(), domains)
}

func newSceneIn(t *testing.T, dir string, domains map[string]*virshtest.Domain) *scene {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	s := &scene{t: t, Fake: virshtest.Fake{Dir: dir}}
	s.Change(func(now *virshtest.State) { now.Domains = domains })
	return s
}

func web(running bool) *virshtest.Domain {
	nics := []virshtest.NIC{{MAC: webMAC.String(), Bridge: "br0"}}
	d := &virshtest.Domain{Name: "web1", Running: running, Persistent: true, Config: nics, Slots: 1}
	if running {
		d.Live = []virshtest.NIC{{MAC: webMAC.String(), Dev: "vnet0", Bridge: "br0", Alias: "net0"}}
	}
	return d
}

// quick makes intervals short, and time limits long.
var quick = Timing{
	Read:      10 * time.Second,
	Change:    10 * time.Second,
	Poll:      time.Hour,
	Blind:     50 * time.Millisecond,
	Addresses: time.Hour,
	Gap:       time.Millisecond,
	Lost:      20 * time.Millisecond,
	Retry:     10 * time.Millisecond,
	RetryMax:  40 * time.Millisecond,
}

// begin starts a worker that remembers nothing, as after a restart of the controller.
func (s *scene) begin(orders ...Order) {
	s.t.Helper()
	s.beginWith(Config{Timing: quick}, orders...)
}

func (s *scene) beginWith(c Config, orders ...Order) {
	s.t.Helper()
	c.Environment = []string{virshtest.Env + "=" + s.Dir}
	s.start(newDriver(s.t, c), Host{Name: "h1", Addr: netip.MustParseAddr("192.0.2.1")}, orders...)
}

// newDriver returns a driver that runs the fake virsh, unless the configuration names a program.
func newDriver(t *testing.T, c Config) *Libvirt {
	t.Helper()
	if c.Virsh == "" {
		c.Virsh = must(program())(t)
	}
	c.URI, c.TapBridge, c.Logger = "qemu+tcp://{ip}/system", "brtap", discard
	c.DataDir = t.TempDir()
	return NewLibvirt(c)
}

// start starts a worker for a host.
func (s *scene) start(driver *Libvirt, h Host, orders ...Order) {
	s.t.Helper()
	s.orders = NewOrders()
	if !slices.ContainsFunc(
		orders,
		func(o Order) bool { return o.Service.ID == noOrders.Service.ID },
	) {
		s.orders.Put(1, orders)
	}
	h.Cluster = "c1"

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		driver.Run(ctx, h, s.orders, func(r Report) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.last = r
			s.all = append(s.all, r)
		})
	}()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	s.t.Cleanup(s.stop)
}

func (s *scene) report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// until waits until a condition holds for the latest report.
func (s *scene) until(what string, holds func(Report) bool) Report {
	s.t.Helper()
	require.Eventually(
		s.t,
		func() bool { return holds(s.report()) },
		patience,
		2*time.Millisecond,
		what,
	)
	return s.report()
}

func (s *scene) outcome(state OutcomeState, reason string) {
	s.t.Helper()
	ok := assert.Eventually(s.t, func() bool {
		o := s.report().NICs["s1"]
		return o.State == state && strings.Contains(o.Reason, reason)
	}, patience, 2*time.Millisecond)
	require.True(s.t, ok, "want %s %q, have %+v", state, reason, s.report())
}

// calls counts the commands that virsh was given and that begin with a word.
func (s *scene) calls(kind string) (n int) {
	for _, c := range s.State().Calls {
		if strings.HasPrefix(c, kind) {
			n++
		}
	}
	return n
}

func (s *scene) event(fn func(*virshtest.State)) {
	s.Change(func(now *virshtest.State) {
		fn(now)
		now.Events++
	})
}

func order(plug bool, target Target) Order {
	return Order{
		Service: tap.Service{
			ID:     "s1",
			Name:   "col",
			MAC:    tap.MAC{2, 't', 'a', 1, 2, 3},
			IfName: "tapa1b2c3",
		},
		Guest: target,
		Plug:  plug,
	}
}

// noOrders, in place of orders, starts the worker without a list of orders.
var noOrders = Order{Service: tap.Service{ID: "none"}}

const ours = "ua-tapline-c1-s1"

func TestPlug(t *testing.T) {
	for _, target := range []Target{{ID: webID}, {ID: "web1"}, {ID: "x", Name: "web1"},
		{ID: "x", MACs: []tap.MAC{webMAC}}} {
		t.Run(fmt.Sprint(target), func(t *testing.T) {
			s := newScene(
				t,
				map[string]*virshtest.Domain{
					webID: web(true),
					dbID:  {Name: "db1", Running: true, Slots: 1},
				},
			)
			s.begin(order(true, target))
			s.outcome(Plugged, "")
			want := virshtest.NIC{
				MAC:    "02:74:61:01:02:03",
				Dev:    "tapa1b2c3",
				Bridge: "brtap",
				Alias:  ours,
			}
			now := s.State().Domains
			assert.Equal(t, want, now[webID].Live[1])
			assert.Equal(t, want, now[webID].Config[1])
			assert.Empty(t, now[dbID].Live)
			g := s.until("two guests", func(r Report) bool {
				return len(r.Guests) == 2 && len(r.Guests[1].NICs) == 2
			}).Guests[1]
			assert.True(t, g.NICs[1].Ours)
			assert.Equal(t, "running", g.State)
		})
	}
}

// TestOnce: a NIC that is plugged is not plugged again, also by a worker that has just started.
func TestOnce(t *testing.T) {
	s := newScene(t, map[string]*virshtest.Domain{webID: web(true)})
	for range 3 {
		s.begin(order(true, Target{ID: webID}))
		s.outcome(Plugged, "")
		s.orders.Put(2, []Order{order(true, Target{ID: webID})})
		s.stop()
	}
	assert.Equal(t, 2, s.calls("attach-device"), "one for the guest, one for its definition")
	assert.Zero(t, s.calls("detach-device"))
}

func TestAgainAfterRemovalByHand(t *testing.T) {
	s := newScene(t, map[string]*virshtest.Domain{webID: web(true)})
	s.begin(order(true, Target{ID: webID}))
	s.outcome(Plugged, "")
	require.Eventually(t, func() bool { return s.calls("event") > 0 }, patience, time.Millisecond)
	s.event(func(now *virshtest.State) {
		d := now.Domains[webID]
		d.Live, d.Slots = d.Live[:1], 1
	})
	require.Eventually(
		t,
		func() bool { return len(s.State().Domains[webID].Live) == 2 },
		patience,
		time.Millisecond,
	)
}

// TestByHand: a NIC with the service's MAC address fulfils the order, and is never unplugged.
func TestByHand(t *testing.T) {
	d := web(true)
	byHand := virshtest.NIC{MAC: "02:74:61:01:02:03", Dev: "tap9", Bridge: "brtap", Alias: "net1"}
	d.Live, d.Config = append(d.Live, byHand), append(d.Config, byHand)
	s := newScene(t, map[string]*virshtest.Domain{webID: d})
	s.begin(order(true, Target{ID: webID}))
	s.outcome(Plugged, "")
	s.orders.Put(2, nil)
	assert.EqualValues(
		t,
		2,
		s.until("the order is gone", func(r Report) bool { return len(r.NICs) == 0 }).Orders,
	)
	s.orders.Put(3, nil)
	s.until(
		"orders that change nothing are told to be taken, too",
		func(r Report) bool { return r.Orders == 3 },
	)
	assert.Zero(t, s.calls("attach-device")+s.calls("detach-device"))
}

func TestUnplug(t *testing.T) {
	d := web(true)
	other := virshtest.NIC{
		MAC:    "02:74:61:09:09:09",
		Dev:    "tapother",
		Bridge: "brtap",
		Alias:  "ua-tapline-c2-s1",
	}
	mine := virshtest.NIC{MAC: "02:74:61:01:02:03", Dev: "tapa1b2c3", Bridge: "brtap", Alias: ours}
	d.Live, d.Config = append(d.Live, other, mine), append(d.Config, mine, other)
	t.Run("nothing is said yet", func(t *testing.T) {
		p := makePlan(
			"c1",
			"brtap",
			[]domain{{Guest: Guest{ID: webID, Running: true}, live: []device{{alias: ours}}}},
			nil, nil, alone)
		assert.Len(t, p.steps, 1, "an empty list takes it out")
		s := newScene(t, map[string]*virshtest.Domain{webID: d})
		s.beginWith(Config{Timing: quick}, noOrders)
		s.until("the guest is read", func(r Report) bool { return r.Known })
		assert.Zero(t, s.calls("detach-device"))
	})
	t.Run("disabled stays", func(t *testing.T) {
		s := newScene(t, map[string]*virshtest.Domain{webID: d})
		s.begin(order(false, Target{ID: webID}))
		s.outcome(Plugged, "")
		assert.Zero(t, s.calls("detach-device"))
	})
	t.Run("deleted while away", func(t *testing.T) {
		s := newScene(t, map[string]*virshtest.Domain{webID: d})
		s.begin()
		require.Eventually(
			t,
			func() bool {
				now := s.State().Domains[webID]
				return len(now.Live) == 2 &&
					len(now.Config) == 2
			},
			patience,
			time.Millisecond,
		)
		assert.Equal(t, other, s.State().Domains[webID].Live[1], "that of another cluster stays")
	})
	t.Run("of another guest", func(t *testing.T) {
		s := newScene(
			t,
			map[string]*virshtest.Domain{webID: d, dbID: {Name: "db1", Running: true, Slots: 1}},
		)
		s.begin(order(true, Target{ID: dbID}))
		require.Eventually(t, func() bool {
			now := s.State().Domains
			return len(now[webID].Live) == 2 && len(now[dbID].Live) == 1
		}, patience, time.Millisecond)
	})
}

// webWithOurs is a guest with a service's NIC, on one bridge in its process (live) and on another
// in its definition (config).
func webWithOurs(running bool, live, config string) *virshtest.Domain {
	d := web(running)
	nic := virshtest.NIC{MAC: "02:74:61:01:02:03", Dev: "tapa1b2c3", Bridge: config, Alias: ours}
	d.Config = append(d.Config, nic)
	if nic.Bridge = live; running {
		d.Live = append(d.Live, nic)
	}
	return d
}

func TestPortIsLost(t *testing.T) {
	target := Target{ID: webID}
	t.Run("plugged again, ever more rarely", func(t *testing.T) {
		s := newScene(t, map[string]*virshtest.Domain{webID: webWithOurs(true, "brtap", "brtap")})
		s.begin(order(true, target))
		s.outcome(Plugged, "")
		begin := time.Now()
		s.orders.Unseen([]string{"s1"})
		require.Eventually(
			t,
			func() bool { return s.calls("attach-device") == 3 },
			patience,
			time.Millisecond,
		)
		assert.GreaterOrEqual(t, time.Since(begin), (1+2+4)*quick.Lost)
		s.orders.Unseen(nil)
		s.outcome(Plugged, "")
		assert.Len(t, s.State().Domains[webID].Live, 2)
		assert.Len(t, s.State().Domains[webID].Config, 2, "the definition is left alone")
	})
	t.Run("guest does not release it", func(t *testing.T) {
		d := webWithOurs(true, "brtap", "brtap")
		d.Stubborn = true
		s := newScene(t, map[string]*virshtest.Domain{webID: d})
		s.begin(order(true, target))
		s.orders.Unseen([]string{"s1"})
		s.outcome(Failed, "the guest does not release the NIC")
		s.Change(func(now *virshtest.State) { now.Domains[webID].Stubborn = false })
		require.Eventually(
			t,
			func() bool { return s.calls("attach-device") == 1 },
			patience,
			time.Millisecond,
		)
		s.orders.Unseen(nil)
		s.outcome(Plugged, "")
	})
	for _, tc := range []struct {
		name   string
		domain *virshtest.Domain
		plug   bool
	}{
		{"guest is off", webWithOurs(false, "", "brtap"), true},
		{"service is disabled", webWithOurs(true, "brtap", "brtap"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t, map[string]*virshtest.Domain{webID: tc.domain})
			s.begin(order(tc.plug, target))
			s.orders.Unseen([]string{"s1"})
			s.until("it is read", func(r Report) bool { return r.Known })
			require.Eventually(t, func() bool {
				s.event(func(*virshtest.State) {}) // It is read at each event, or often without.
				return s.calls("list") > 4
			}, patience, 20*time.Millisecond)
			assert.Zero(t, s.calls("detach-device")+s.calls("attach-device"))
		})
	}
}

// TestOtherBridge: a NIC that somebody moved to another bridge is put back in the definition. In
// the running guest the bridge does not matter, since the port is moved.
func TestOtherBridge(t *testing.T) {
	for _, running := range []bool{true, false} {
		s := newScene(t, map[string]*virshtest.Domain{webID: webWithOurs(running, "br0", "br0")})
		s.begin(order(true, Target{ID: webID}))
		require.Eventually(t, func() bool {
			d := s.State().Domains[webID]
			return len(d.Config) == 2 && d.Config[1].Bridge == "brtap"
		}, patience, time.Millisecond)
		assert.Equal(
			t,
			2,
			s.calls("detach-device")+s.calls("attach-device"),
			"the definition alone",
		)
		s.stop()
	}
}

func TestGuestDoesNotRelease(t *testing.T) {
	d := web(true)
	d.Live, d.Stubborn = append(
		d.Live,
		virshtest.NIC{MAC: "02:74:61:01:02:03", Dev: "tapa1b2c3", Bridge: "brtap", Alias: ours},
	), true
	s := newScene(t, map[string]*virshtest.Domain{webID: d})
	s.begin()
	r := s.until("it says so", func(r Report) bool { return r.Problem != "" })
	assert.Equal(
		t,
		"guest web1 does not release NIC tapa1b2c3; nothing is delivered to it",
		r.Problem,
	)
	s.Change(func(now *virshtest.State) { now.Domains[webID].Stubborn = false })
	s.until(
		"it is gone",
		func(r Report) bool { return r.Problem == "" && len(r.Guests[0].NICs) == 1 },
	)
}

func TestGuestIsOff(t *testing.T) {
	s := newScene(t, map[string]*virshtest.Domain{webID: web(false)})
	s.begin(order(true, Target{ID: webID}))
	s.outcome(Off, "")
	require.Eventually(
		t,
		func() bool { return len(s.State().Domains[webID].Config) == 2 },
		patience,
		time.Millisecond,
	)
	assert.Equal(t, 1, s.calls("attach-device"), "only the definition")
	assert.Equal(t, "shut off", s.report().Guests[0].State)
}

func TestNoSlot(t *testing.T) {
	d := web(true)
	d.Slots = 0
	s := newScene(t, map[string]*virshtest.Domain{webID: d})
	s.begin(order(true, Target{ID: webID}))
	s.outcome(Failed, "internal error: No more available PCI slots")
	require.Eventually(
		t,
		func() bool { return len(s.State().Domains[webID].Config) == 2 },
		patience,
		time.Millisecond,
		"it comes with the next start",
	)
	s.Change(func(now *virshtest.State) { now.Domains[webID].Slots = 1 })
	s.outcome(Plugged, "")
}

func TestLibvirtIsDown(t *testing.T) {
	s := newScene(t, map[string]*virshtest.Domain{webID: web(true)})
	const words = "unable to connect to server at '192.0.2.1:16509': Connection refused"
	s.Change(func(now *virshtest.State) { now.Down = words })
	s.begin(order(true, Target{ID: webID}))
	r := s.until("it says so", func(r Report) bool { return r.Problem == words })
	assert.False(t, r.Known)
	s.Change(func(now *virshtest.State) { now.Down = "" })
	s.outcome(Plugged, "")
	assert.Empty(t, s.report().Problem)
	// Down again: the guests stay known.
	s.event(func(now *virshtest.State) { now.Down, now.Domains[webID].Live = words, nil })
	r = s.until("it says so again", func(r Report) bool { return r.Problem == words })
	assert.True(t, r.Known)
	assert.Len(t, r.Guests, 1)
	// A NIC whose service was deleted meanwhile is unplugged when libvirt is back.
	s.orders.Put(2, nil)
	s.Change(func(now *virshtest.State) { now.Down = "" })
	require.Eventually(
		t,
		func() bool { return len(s.State().Domains[webID].Config) == 1 },
		patience,
		time.Millisecond,
	)
}

func TestVirshIsMissing(t *testing.T) {
	s := newScene(t, nil)
	s.beginWith(Config{Virsh: "virsh-that-nobody-has", Timing: quick})
	s.until(
		"it says so",
		func(r Report) bool {
			return strings.Contains(r.Problem,
				"virsh-that-nobody-has cannot be executed")
		},
	)
}

func TestHang(t *testing.T) {
	s := newScene(t, nil)
	s.Change(func(now *virshtest.State) { now.Hang = true })
	timing := quick
	timing.Read = 50 * time.Millisecond
	s.beginWith(Config{Timing: timing})
	s.until("it says so", func(r Report) bool { return r.Problem == "no answer within 50ms" })
}

func TestAddresses(t *testing.T) {
	s := newScene(t, map[string]*virshtest.Domain{webID: web(true)})
	s.begin()
	r := s.until(
		"addresses are there",
		func(r Report) bool { return len(r.Guests) == 1 && len(r.Guests[0].NICs[0].IPs) == 1 },
	)
	assert.Equal(t, "10.0.0.5", r.Guests[0].NICs[0].IPs[0].String())
}

func TestHostWithout(t *testing.T) {
	l := NewLibvirt(
		Config{
			URI:  "qemu+ssh://{host}/system",
			URIs: map[string]string{"h2": "", "h3": "qemu+tls://{ip}/system"},
		},
	)
	for _, tc := range []struct {
		host Host
		want string
		bad  bool
	}{
		{host: Host{Name: "h1"}, want: "qemu+ssh://h1/system"},
		{host: Host{Name: "h2"}},
		{host: Host{Name: "h3"}, bad: true},
		{host: Host{Name: "h3", Addr: netip.MustParseAddr("2001:db8::3")},
			want: "qemu+tls://[2001:db8::3]/system"},
	} {
		got, err := l.uri(tc.host)
		assert.Equal(t, tc.want, got)
		assert.Equal(t, tc.bad, err != nil, "%v", err)
	}
	var said []Report
	l.Run(t.Context(), Host{Name: "h2"}, NewOrders(), func(r Report) { said = append(said, r) })
	l.Run(t.Context(), Host{Name: "h3"}, NewOrders(), func(r Report) { said = append(said, r) })
	require.Len(t, said, 2)
	assert.Equal(t, Report{Known: true, Orders: AllOrders}, said[0])
	assert.Contains(t, said[1].Problem, "OVSDB target has none")
}
