package plugintest

import (
	"bytes"
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// driver plays the controller of one Run.
type driver struct {
	t       *testing.T
	ctx     context.Context
	cancel  context.CancelFunc
	changes chan tap.Change
	refuse  error // what tell returns
	ended   chan struct{}
	err     error // of Run, once ended is closed

	telling atomic.Bool
	arrived chan struct{} // capacity 1: something was told

	mu       sync.Mutex
	revision uint64

	// What was told since the last forget; read after wait or end.
	programs map[string]tap.Program // by host
	statuses map[string]tap.Status  // by kind and id
}

// drive configures a Mirror with its defaults and starts Run, which ends with the test.
func drive(t *testing.T, m plugin.Mirror) *driver {
	t.Helper()
	require.NoError(t, m.Configure(t.Context(), nil))
	d := &driver{t: t, changes: make(chan tap.Change), ended: make(chan struct{}),
		arrived: make(chan struct{}, 1)}

	d.forget()
	d.ctx, d.cancel = context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	go func() {
		defer close(d.ended)
		d.err = m.Run(d.ctx, d.changes, d.tell)
	}()

	t.Cleanup(func() {
		d.cancel()
		<-d.ended
	})

	return d
}

func (d *driver) tell(r tap.Result) error {
	if !d.telling.CompareAndSwap(false, true) {
		d.t.Error("tell was called while it was busy")
	}
	defer d.telling.Store(false)
	d.mu.Lock()
	defer d.mu.Unlock()

	if r.Revision < d.revision {
		d.t.Errorf("revision %d was told after %d", r.Revision, d.revision)
	}

	d.revision = r.Revision
	for _, p := range r.Programs {
		d.programs[p.Host] = p
	}

	for _, s := range r.Statuses {
		d.statuses[string(s.Kind)+" "+s.ID] = s
	}

	select {
	case d.arrived <- struct{}{}:
	default:
	}

	return d.refuse
}

func (d *driver) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.programs, d.statuses = map[string]tap.Program{}, map[string]tap.Status{}
}

func (d *driver) send(c tap.Change) {
	d.t.Helper()
	select {
	case d.changes <- c:
	case <-d.ended:
		d.t.Fatalf("Run ended before revision %d was taken: %v", c.Revision, d.err)
	case <-d.ctx.Done():
		d.t.Fatalf("revision %d was not taken in time", c.Revision)
	}
}

// wait returns when a revision has been told.
func (d *driver) wait(revision uint64) {
	d.t.Helper()
	for {
		d.mu.Lock()
		now := d.revision
		d.mu.Unlock()
		if now >= revision {
			return
		}

		select {
		case <-d.arrived:
		case <-d.ended:
			d.t.Fatalf("Run ended before it told revision %d: %v", revision, d.err)
		case <-d.ctx.Done():
			d.t.Fatalf("revision %d was not told in time", revision)
		}
	}
}

// end returns what Run returned.
func (d *driver) end() error {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatal("Run does not end")
	}
	return d.err
}

func mac(n byte) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, 0, n} }

// world is a snapshot, revision 1: guest g1 and bridge br0 of host h1 are mirrored to guest g3,
// whose tap NIC is on host h2.
func world() tap.Change {
	host := func(id string, n byte) tap.Host {
		return tap.Host{
			ID: "h" + id, Name: "host-" + id, TunnelIP: netip.AddrFrom4([4]byte{192, 0, 2, n}),
			Wires:    map[string]string{"net0": "br0"},
			Observed: true, Connected: true,
			Bridges: []tap.Bridge{{Name: "br0", DatapathType: "system", Uplinks: []string{"eth0"}}},
		}
	}

	guest := func(id string, n byte, port string) tap.Guest {
		return tap.Guest{ID: id, Name: "vm-" + id, NICs: []tap.NIC{{
			MAC: mac(n), Locations: []tap.Location{{Host: "h1", Bridge: "br0", Port: port,
				OFPort: uint32(n)}}}}}
	}

	h1, h2 := host("1", 1), host("2", 2)
	h2.TapPorts = []tap.TapPort{{Name: "tap1", OFPort: 1, MAC: mac(0x31)}}
	return tap.Change{
		Revision: 1, Reset: true, Secret: bytes.Repeat([]byte{1}, 32),
		Hosts:  []tap.Host{h1, h2},
		Guests: []tap.Guest{guest("g1", 1, "vnet1"), guest("g2", 2, "vnet2")},
		Attachments: []tap.Attachment{{ServiceID: "s1",
			Locations: []tap.Location{{Host: "h2", Bridge: "brtap", Port: "tap1", OFPort: 1}}}},
		Services: []tap.Service{
			{ID: "s1", Name: "collector", Type: tap.ServiceGuest, TargetID: "g3", MAC: mac(0x31),
				IfName: "tap1", Enabled: true, Key: 7},
		},
		Flows: []tap.Flow{
			{ID: "f1", Name: "nic", TapID: "s1", Type: tap.FlowVNIC, GuestID: "g1", MAC: mac(1),
				Direction: tap.Out, Enabled: true, Created: time.Unix(1, 0).UTC()},
			{ID: "f2", Name: "switch", TapID: "s1", Type: tap.FlowVSwitch, HostID: "h1",
				WireID: "net0", Direction: tap.Both, Enabled: true, Created: time.Unix(2, 0).UTC()},
		},
	}
}
