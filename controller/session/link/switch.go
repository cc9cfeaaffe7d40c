package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// Switch is the OpenFlow connection of a tap bridge.
type Switch struct {
	Conn *ofconn.Conn
	// Flows are those that the switch had when it connected, and Resources what they rely on.
	Flows     []openflow.FlowStats
	Resources flowtable.Resources

	number     uint64        // of its arrival
	captures   bool          // it is for live captures alone
	generation uint64        // with which we asked to be master; 0: not yet
	recognised chan struct{} // closed once it is known to be the host's

	// Guarded by the link's mu, once others know the connection.
	ports       map[openflow.PortNo]openflow.MAC
	description string // of the datapath

	mu     sync.Mutex
	stale  bool                              // somebody else may have changed flows
	doubt  bool                              // somebody may have changed groups or meters
	barred map[openflow.PortNo]openflow.Port // see barring
}

const (
	// maxPortList bounds what is read of the ports of a connection that may be anybody's, in bytes;
	// a port has 64.
	maxPortList = 1 << 20
	maxPorts    = maxPortList / 64
	// maxDescription bounds what is read of its description, which has 1,056 bytes.
	maxDescription = 1 << 12
)

// barring are settings that keep packets from passing a port. Somebody may make them by OpenFlow,
// and no database shows them. That a port is down is not among them: a NIC shows it as its state.
const barring = openflow.PortNoRecv | openflow.PortNoFwd | openflow.PortNoPacketIn

func newSwitch(conn *ofconn.Conn) *Switch {
	return &Switch{Conn: conn, recognised: make(chan struct{})}
}

// Held is what a switch holds in its flow tables.
type Held struct {
	Flows     []openflow.FlowStats
	FlowsRead bool // false: only Resources was read
	Resources flowtable.Resources
}

// Refresh reads what the switch holds, if somebody else may have changed it since it was read last.
// It returns nil where nobody may have.
func (sw *Switch) Refresh(ctx context.Context) (*Held, error) {
	sw.mu.Lock()
	stale, doubt := sw.stale, sw.doubt
	sw.stale, sw.doubt = false, false // Before reading: later changes are noticed again.
	sw.mu.Unlock()
	if !stale && !doubt {
		return nil, nil
	}

	held := &Held{FlowsRead: stale}
	var err error
	if held.Resources, err = flowtable.DumpResources(ctx, sw.Conn); err != nil {
		return nil, err
	}
	if stale {
		held.Flows, err = flowtable.Dump(ctx, sw.Conn)
	}
	return held, err
}

// Distrust has the next [Switch.Refresh] read everything again.
func (sw *Switch) Distrust() {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	sw.stale = true
}

// DistrustResources has the next [Switch.Refresh] read groups, meters and the fragment mode again.
// A switch does not report when somebody changes these.
func (sw *Switch) DistrustResources() {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	sw.doubt = true
}

// Barred returns the ports that somebody has barred by OpenFlow, ordered by number.
func (sw *Switch) Barred() []openflow.Port {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	return slices.SortedFunc(maps.Values(sw.barred), func(a, b openflow.Port) int {
		return cmp.Compare(a.No, b.No)
	})
}

// Unbar opens ports again that [Switch.Barred] has returned.
func (sw *Switch) Unbar(ctx context.Context, ports []openflow.Port) error {
	var mods []openflow.Message
	sw.mu.Lock()
	for _, p := range ports {
		delete(sw.barred, p.No) // Before it is sent: the switch tells if it is barred again.
		mods = append(mods, &openflow.PortMod{Port: p.No, HWAddr: p.HWAddr, Mask: barring})
	}
	sw.mu.Unlock()
	return sw.Conn.Send(ctx, mods...)
}

// noteConfig takes in how the switch shows a port. It reports whether the port is barred.
func (sw *Switch) noteConfig(p openflow.Port, gone bool) bool {
	sw.mu.Lock()
	defer sw.mu.Unlock()

	if gone || p.Config&barring == 0 {
		delete(sw.barred, p.No)
		return false
	}

	if sw.barred == nil {
		sw.barred = map[openflow.PortNo]openflow.Port{}
	}
	if len(sw.barred) < maxPorts {
		sw.barred[p.No] = p
	}

	return true
}

// readPorts asks the switch for its ports, before anybody else knows it.
func (sw *Switch) readPorts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	parts, err := sw.Conn.MultipartAtMost(ctx, openflow.PortDescRequest{}, maxPortList)
	if err != nil {
		return fmt.Errorf("list ports: %w", err)
	}

	sw.ports = map[openflow.PortNo]openflow.MAC{}
	for _, part := range parts {
		ports, _ := part.(openflow.PortDescReply)
		for _, p := range ports {
			sw.ports[p.No] = p.HWAddr
			sw.noteConfig(p, false)
		}
	}

	return nil
}

// readDescription asks the switch how it describes its datapath.
func (sw *Switch) readDescription(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	parts, err := sw.Conn.MultipartAtMost(ctx, openflow.DescRequest{}, maxDescription)
	if err != nil {
		return "", fmt.Errorf("read description: %w", err)
	}

	for _, part := range parts {
		if d, is := part.(openflow.Desc); is {
			return d.Datapath, nil
		}
	}

	return "", nil
}

// readFlows reads what the switch holds, and has it report changes of flows. A switch that cannot
// do the latter has to be polled.
func (sw *Switch) readFlows(ctx context.Context) (polled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	sw.Flows, err = flowtable.Watch(ctx, sw.Conn)
	if polled = errors.Is(err, flowtable.ErrUnsupported); polled {
		sw.Flows, err = flowtable.Dump(ctx, sw.Conn)
	}
	if err == nil {
		sw.Resources, err = flowtable.DumpResources(ctx, sw.Conn)
	}
	return polled, err
}
