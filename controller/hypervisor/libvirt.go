package hypervisor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Libvirt] is made of.
type Config struct {
	// URI is of each host's libvirt: {host} stands for the host's name, {ip} for the address of its database.
	URI string
	// URIs are those of hosts that differ, by name; "" means that the host has none.
	URIs      map[string]string
	TapBridge string
	Virsh     string // program; "": virsh, as found in PATH
	Logger    *slog.Logger
	Timing    Timing // zero: what fits hosts with hundreds of guests
}

// Timing is how long things may take, and when they are done again.
type Timing struct {
	Read      time.Duration // limit of reading a host's guests
	Change    time.Duration // limit of plugging or unplugging one NIC
	Poll      time.Duration // guests are read again so often, though events tell of changes
	Blind     time.Duration // the same while no events come
	Addresses time.Duration // addresses are read again so often
	Gap       time.Duration // between two readings that events ask for
	Lost      time.Duration // a switch may lack the port of a NIC that is plugged so long; doubled with each time that it is plugged again
	Retry     time.Duration // after a first failure; doubled from there to RetryMax, and spread
	RetryMax  time.Duration
}

// defaultTiming fits hosts with hundreds of guests.
var defaultTiming = Timing{
	Read: 20 * time.Second, Change: 45 * time.Second, Poll: 5 * time.Minute, Blind: 20 * time.Second, Addresses: time.Minute,
	Gap: 100 * time.Millisecond, Lost: 2 * time.Second, Retry: time.Second, RetryMax: 30 * time.Second,
}

// Host is a host to look after.
type Host struct {
	Name    string
	Addr    netip.Addr // of its database; zero if unknown
	Cluster string     // id of ours, in the aliases of our NICs
}

// Libvirt looks after the guests of hosts by virsh.
type Libvirt struct {
	config Config
	hosts  atomic.Int64 // that are being looked after
}

// NewLibvirt returns a driver that does nothing yet.
func NewLibvirt(c Config) *Libvirt {
	c.Virsh = cmp.Or(c.Virsh, "virsh")
	if c.Timing == (Timing{}) {
		c.Timing = defaultTiming
	}
	return &Libvirt{config: c}
}

// uri is that of a host's libvirt, "" if it has none.
func (l *Libvirt) uri(h Host) (string, error) {
	uri, special := l.config.URIs[h.Name]
	if !special {
		uri = l.config.URI
	}
	address := h.Addr.String()
	switch {
	case !h.Addr.IsValid() && strings.Contains(uri, "{ip}"):
		return "", fmt.Errorf("%s asks for an address, and the host's OVSDB target has none", uri)
	case h.Addr.Is6():
		address = "[" + address + "]"
	}
	return strings.NewReplacer("{host}", h.Name, "{ip}", address).Replace(uri), nil
}

// startSpread is how far the first contacts with many hosts are spread, per host.
const startSpread = 3 * time.Millisecond

// Run looks after a host's guests as ordered until ctx ends, and reports whenever something is new. Hosts do not wait for each
// other.
func (l *Libvirt) Run(ctx context.Context, h Host, orders *Orders, report func(Report)) {
	uri, err := l.uri(h)
	if err != nil {
		report(Report{Problem: err.Error(), Orders: AllOrders})
		return
	}
	if uri == "" {
		report(Report{Known: true, Orders: AllOrders})
		return
	}
	hosts := l.hosts.Add(1)
	defer l.hosts.Add(-1)
	if pause(ctx, rand.N(time.Duration(hosts)*startSpread)) != nil {
		return
	}
	w := &worker{
		config: l.config, cluster: h.Cluster, virsh: virsh{l.config.Virsh, uri}, log: l.config.Logger.With("host", h.Name), orders: orders, report: report,
		attempts: map[step]*attempt{}, losses: map[string]*loss{}, changed: make(chan struct{}, 1), wantAddresses: make(chan []domain, 1), addresses: make(chan addresses, 1),
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { w.listen(ctx) })
	running.Go(func() { w.askAddresses(ctx) })
	w.run(ctx)
}

// backoff doubles from Retry to RetryMax, and is spread by a quarter.
func (t Timing) backoff(failures int) time.Duration {
	d := t.Retry << min(failures-1, 20)
	if d > t.RetryMax || d <= 0 {
		d = t.RetryMax
	}
	return d - rand.N(d/4+1)
}

// pause waits, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
