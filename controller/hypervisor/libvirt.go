package hypervisor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config configures a [Libvirt].
type Config struct {
	// URI is the connection URI of each host's libvirt. {host} stands for the host's name, {ip} for
	// the address of its OVSDB target.
	URI string
	// URIs overrides URI for single hosts, by name; "" means that the host has no libvirt.
	URIs      map[string]string
	TapBridge string
	Virsh     string // path of the program; "": virsh, looked up in PATH
	// Environment has variables for virsh, beside the few that it inherits.
	Environment []string
	// DataDir has the controller's secrets. virsh is kept away from it where the kernel has
	// Landlock; "": nothing is kept from it.
	DataDir string
	Logger  *slog.Logger
	Timing  Timing // zero: defaults for hosts with hundreds of guests
}

// Timing holds the time limits and intervals of a worker.
type Timing struct {
	Read      time.Duration // limit for reading a host's guests
	Change    time.Duration // limit for plugging or unplugging one NIC
	Poll      time.Duration // interval of reading the guests while events arrive
	Blind     time.Duration // interval of reading the guests while no events arrive
	Addresses time.Duration // interval of reading the guests' addresses
	Gap       time.Duration // minimum time between two readings caused by events
	// Lost is how long the switch may lack the port of a plugged NIC before the NIC is plugged
	// again. It doubles with each time that the NIC is plugged again.
	Lost     time.Duration
	Retry    time.Duration // delay after a first failure; doubles up to RetryMax, with jitter
	RetryMax time.Duration
}

// defaultTiming fits hosts with hundreds of guests.
var defaultTiming = Timing{
	Read: 20 * time.Second, Change: 45 * time.Second,
	Poll: 5 * time.Minute, Blind: 20 * time.Second, Addresses: time.Minute,
	Gap: 100 * time.Millisecond, Lost: 2 * time.Second,
	Retry: time.Second, RetryMax: 30 * time.Second,
}

// Host identifies a host whose guests a worker looks after.
type Host struct {
	Name    string
	Addr    netip.Addr // of its database; zero if unknown
	Cluster string     // our cluster id, part of the aliases of our NICs
}

// Libvirt looks after the guests of hosts with virsh.
type Libvirt struct {
	config   Config
	registry *registry
	hosts    atomic.Int64 // number of hosts that have a worker
}

// NewLibvirt returns a driver. It does nothing until Run is called.
func NewLibvirt(c Config) *Libvirt {
	c.Virsh = cmp.Or(c.Virsh, "virsh")
	if c.Timing == (Timing{}) {
		c.Timing = defaultTiming
	}
	return &Libvirt{config: c, registry: newRegistry()}
}

// hostForm matches the names that may stand for {host}. Others could add a user, a port or an
// option to the URI.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$`)

// uri returns the URI of a host's libvirt, or "" if the host has none.
func (l *Libvirt) uri(h Host) (string, error) {
	uri, overridden := l.config.URIs[h.Name]
	if !overridden {
		uri = l.config.URI
	}

	address := h.Addr.WithZone("").String()
	switch {
	case !h.Addr.IsValid() && strings.Contains(uri, "{ip}"):
		return "", fmt.Errorf("%s needs an IP address, but the host's OVSDB target has none", uri)
	case strings.Contains(uri, "{host}") && !hostForm.MatchString(h.Name):
		return "", fmt.Errorf("%s needs a host name of letters, digits, '.', '-' and '_', "+
			"and %q is none: set hypervisor.hosts for it", uri, h.Name)
	case h.Addr.Is6():
		address = "[" + address + "]"
	}

	return strings.NewReplacer("{host}", h.Name, "{ip}", address).Replace(uri), nil
}

// startSpread spreads the first contacts with many hosts: each waits a random time of up to
// startSpread times the number of hosts.
const startSpread = 3 * time.Millisecond

// Run looks after a host's guests as ordered until ctx ends. It calls report whenever something
// changed. Each host has a worker of its own, so hosts do not wait for each other.
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

	l.registry.join(h.Name, orders.signal)
	defer l.registry.leave(h.Name)
	hosts := l.hosts.Add(1)
	defer l.hosts.Add(-1)
	if sleep(ctx, rand.N(time.Duration(hosts)*startSpread)) != nil {
		return
	}

	w := newWorker(l.config, h, uri, orders, report, l.registry)
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { w.watchEvents(ctx) })
	running.Go(func() { w.answerAddressRequests(ctx) })
	w.run(ctx)
}

// backoff doubles from Retry to RetryMax. Up to a quarter is subtracted at random, so that hosts
// do not retry in step.
func (t Timing) backoff(failures int) time.Duration {
	d := t.Retry << min(failures-1, 20)
	if d > t.RetryMax || d <= 0 {
		d = t.RetryMax
	}
	return d - rand.N(d/4+1)
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
