//go:build linux

package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tapline-sdn/tapline/testenv/release"
)

const (
	maxHosts    = 200
	ethernetMTU = 1500
	// underlayMTU leaves room for GRE around a tagged frame of full size.
	underlayMTU = 9000
)

// Config says what lab to make. Its zero value is a lab "lab" without hosts.
type Config struct {
	// Name is the lab's name and the first part of the names of its namespaces:
	// lower-case letters, digits and dashes, at most 32. "" means "lab".
	Name string `json:"name"`
	// Hosts is the number of hosts, 0 to 200.
	Hosts int `json:"hosts"`
	// Dir holds the directories of labs; "" means DefaultDir. Long paths do not
	// fit into the addresses of unix sockets (108 bytes).
	Dir string `json:"-"`
	// UnderlayMTU is in bytes; 0 means 9000, enough for a tunnel around full
	// frames.
	UnderlayMTU int `json:"underlay_mtu"`
	// Datapath is that of all bridges: "netdev", in user space, or "system", the kernel's. ""
	// means $TAPLINE_LAB_DATAPATH, or netdev.
	Datapath string `json:"datapath"`
	// IPv6 leaves IPv6 on in the namespaces, which then send frames of their
	// own (neighbour discovery, multicast reports).
	IPv6 bool `json:"ipv6"`
	// PlainIDs makes a guest's name its id, which is a UUID otherwise.
	PlainIDs bool `json:"plain_ids,omitempty"`
	// Releases are the releases of Open vSwitch that the hosts run, as WithReleases takes them. If
	// it is empty, New asks the environment (release.Variable); by default they run what is
	// installed.
	Releases []string `json:"releases,omitempty"`
	// Logger gets the lab's progress; nil means silence.
	Logger *slog.Logger `json:"-"`

	ephemeral bool
}

// setDefaults fills in what is not set.
func (c *Config) setDefaults() (err error) {
	c.Name = cmp.Or(c.Name, "lab")
	c.Dir = cmp.Or(c.Dir, DefaultDir())
	c.UnderlayMTU = cmp.Or(c.UnderlayMTU, underlayMTU)
	c.Datapath = cmp.Or(c.Datapath, defaultDatapath())

	if len(c.Releases) == 0 {
		c.Releases, err = release.FromEnvironment()
	}
	if err != nil {
		return fmt.Errorf("lab %s: %w", c.Name, err)
	}
	return nil
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	if c.Hosts < 0 || c.Hosts > maxHosts {
		return fmt.Errorf("lab %s: %d hosts: want 0 to %d", c.Name, c.Hosts, maxHosts)
	}
	if c.Datapath != Netdev && c.Datapath != System {
		return fmt.Errorf("lab %s: datapath %q: want %s or %s", c.Name, c.Datapath, Netdev, System)
	}
	return c.checkReleases()
}

func checkName(lab string) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`).MatchString(lab) {
		return fmt.Errorf("lab name %q: want 1 to 32 lower-case letters, digits and dashes", lab)
	}
	return nil
}

// Lab is a number of hosts with what joins them.
type Lab struct {
	Name string
	// Dir is the lab's own directory: Dir/lab.json, Dir/h1/db.sock, ...
	Dir string
	// Controller is where an SDN controller runs: it has ControllerIP and
	// reaches the management address of every host.
	Controller *Node
	// Fabric holds the Linux bridges mgmt, underlay and net0 and the far ends
	// of the spare NICs, spare-h1 and so on.
	Fabric *Node
	Hosts  []*Host

	mu    sync.Mutex // guards state and the fields of guests
	state state

	daemons sync.WaitGroup // a goroutine per daemon that this process started
}

// Datapath types, as in Bridge:datapath_type.
const (
	Netdev = "netdev"
	System = "system"
)

func defaultDatapath() string { return cmp.Or(os.Getenv("TAPLINE_LAB_DATAPATH"), Netdev) }

// Datapath is the type of all bridges of the lab's hosts: Netdev or System.
func (l *Lab) Datapath() string { return l.state.Config.Datapath }

// ControllerIP is the address of the controller's namespace on the management
// network.
func ControllerIP() netip.Addr { return netip.MustParseAddr("10.200.0.1") }

// New makes a lab and starts its hosts. If it fails, or ctx ends, nothing
// remains. A lab of the same name in the same directory is an error that
// matches fs.ErrExist.
func New(ctx context.Context, c Config) (*Lab, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if missing := missing(c.Datapath); len(missing) > 0 {
		return nil, fmt.Errorf("lab %s: this machine lacks %s", c.Name, strings.Join(missing, ", "))
	}

	owner, err := identify(os.Getpid())
	if err != nil {
		return nil, err
	}

	l := &Lab{
		Name: c.Name,
		Dir:  filepath.Join(c.Dir, c.Name),
		state: state{Config: c, Owner: owner, Ephemeral: c.ephemeral,
			Processes: map[string]process{}},
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab %s: %w", c.Name, err)
	}
	if err := os.Mkdir(l.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("lab %s: %w; \"tapline-lab down --name %s\" removes what is there",
			c.Name, err, c.Name)
	}

	start := time.Now()
	l.build()
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lab %s: %w", c.Name, err), l.Close())
	}

	l.log().Info("lab is up", "lab", l.Name, "hosts", c.Hosts, "took", time.Since(start))
	return l, nil
}

// build fills in the nodes that the configuration implies.
func (l *Lab) build() {
	l.Controller = &Node{Name: "controller", Namespace: l.Name + "-mgmt", lab: l}
	l.Fabric = &Node{Name: "fabric", Namespace: l.Name + "-fabric", lab: l}
	for i := 1; i <= l.state.Config.Hosts; i++ {
		l.Hosts = append(l.Hosts, newHost(l, i))
	}
}

// start makes namespaces and networks, then the hosts side by side.
func (l *Lab) start(ctx context.Context) error {
	nodes := []*Node{l.Controller, l.Fabric}
	for _, h := range l.Hosts {
		nodes = append(nodes, h.Node)
	}

	if err := l.claimNamespaces(nodes...); err != nil {
		return err
	}

	mgmt := netip.PrefixFrom(ControllerIP(), 24)
	if err := l.Controller.addBridge("mgmt", ethernetMTU, mgmt); err != nil {
		return err
	}
	if err := l.Fabric.addBridge("underlay", l.state.Config.UnderlayMTU,
		netip.Prefix{}); err != nil {
		return err
	}
	if err := l.Fabric.addBridge("net0", ethernetMTU, netip.Prefix{}); err != nil {
		return err
	}
	if len(l.Hosts) == 0 {
		return nil
	}

	// The hosts' databases start as copies of one for each release.
	empty := map[string]string{}
	for _, h := range l.Hosts {
		if empty[h.Release()] != "" {
			continue
		}
		path := filepath.Join(l.Dir, "empty-"+h.Release()+".db")
		if err := h.CreateDB(ctx, path); err != nil {
			return err
		}
		empty[h.Release()] = path
	}

	group, ctx := errgroup.WithContext(ctx)
	for _, h := range l.Hosts {
		group.Go(func() error {
			if err := h.create(ctx, empty[h.Release()]); err != nil {
				return fmt.Errorf("host %s: %w", h.Name, err)
			}
			return nil
		})
	}

	return group.Wait()
}

// claimNamespaces records the namespaces in the state and creates them.
func (l *Lab) claimNamespaces(nodes ...*Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	ours := len(l.state.Namespaces)
	for _, n := range nodes {
		l.state.Namespaces = append(l.state.Namespaces, n.Namespace)
	}

	if err := l.saveLocked(); err != nil {
		return err
	}

	for _, n := range nodes {
		err := n.createNamespace(l.state.Config.IPv6)
		if errors.Is(err, fs.ErrExist) {
			// It is somebody else's. Forget it, since recorded namespaces are removed with the lab.
			l.state.Namespaces = l.state.Namespaces[:ours]
			err = fmt.Errorf("%w; it does not belong to this lab", err)
			return errors.Join(err, l.saveLocked())
		}

		if err != nil {
			return err
		}

		ours++
		if err := n.SetLink("lo", true); err != nil {
			return err
		}
	}

	return nil
}

// Close ends the daemons and removes namespaces and directory. It may be called
// by a process that opened the lab, and again after an error.
func (l *Lab) Close() error {
	l.mu.Lock()
	all := l.state
	// Another process that has opened the lab may have added to it.
	if written, err := readState(l.Dir); err == nil {
		all = all.union(written)
	}

	// Open TAP devices would hold their namespaces.
	err := errors.Join(l.closeTapsLocked(), all.remove(l.Dir))
	l.mu.Unlock()
	l.daemons.Wait()
	if err != nil {
		return fmt.Errorf("close lab %s: %w", l.Name, err)
	}

	return nil
}

// closeTapsLocked removes the TAP devices that this process has made.
func (l *Lab) closeTapsLocked() error {
	var errs []error
	for _, g := range l.state.Guests {
		for _, n := range g.NICs {
			if n.tap != nil {
				errs = append(errs, n.tap.close())
				n.tap = nil
			}
		}
	}
	return errors.Join(errs...)
}

// Host finds a host by name; nil if there is none.
func (l *Lab) Host(name string) *Host {
	for _, h := range l.Hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Guest finds a guest by name; nil if there is none.
func (l *Lab) Guest(name string) *Guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.state.Guests {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Guests returns the guests of all hosts in the order of their creation.
func (l *Lab) Guests() []*Guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Guest(nil), l.state.Guests...)
}

// Node finds a node by name: controller, fabric, a host or a guest; nil if
// there is none.
func (l *Lab) Node(name string) *Node {
	for _, n := range []*Node{l.Controller, l.Fabric} {
		if n.Name == name {
			return n
		}
	}

	for _, h := range l.Hosts {
		if h.Name == name {
			return h.Node
		}
	}

	if g := l.Guest(name); g != nil {
		return g.Node
	}
	return nil
}

func (l *Lab) log() *slog.Logger {
	if l.state.Config.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.state.Config.Logger
}

// waitFor looks every millisecond whether the condition holds.
func waitFor(ctx context.Context, what string, condition func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}

	return nil
}
