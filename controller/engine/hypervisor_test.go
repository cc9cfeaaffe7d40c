package engine

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// scripted is a hypervisor whose reports the test makes.
type scripted struct {
	mu     sync.Mutex
	report map[string]func(hypervisor.Report)
}

func newScripted() *scripted { return &scripted{report: map[string]func(hypervisor.Report){}} }

func (s *scripted) Run(ctx context.Context, h hypervisor.Host, _ *hypervisor.Orders,
	report func(hypervisor.Report)) {
	s.mu.Lock()
	s.report[h.Name] = report
	s.mu.Unlock()
	<-ctx.Done()
}

func (s *scripted) tell(t *testing.T, host string, r hypervisor.Report) {
	t.Helper()
	var report func(hypervisor.Report)
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		report = s.report[host]
		return report != nil
	}, patience, time.Millisecond)

	r.Known = r.Known || r.Guests != nil
	if r.Orders == 0 {
		r.Orders = hypervisor.AllOrders
	}

	report(r)
}

// web1 is guest g1 of hostSnapshot, as a hypervisor knows it.
func web1(state string) hypervisor.Guest {
	g := hypervisor.Guest{ID: "g1", Name: "web1", State: state, Running: state == "running",
		Persistent: true}
	g.NICs = []hypervisor.GuestNIC{{MAC: switchtest.MAC(1), Bridge: "br0"},
		{MAC: switchtest.MAC(9), IfName: "tapzzzzzz", Bridge: "brtap", Ours: true}}
	if g.Running {
		g.NICs[0].IfName, g.NICs[0].IPs = "vnet1", []netip.Addr{addr("10.0.0.5")}
	}
	return g
}

func TestGuestsOfHypervisor(t *testing.T) {
	h := newScripted()
	r := newRingWith(t, store.NewMemory(), h)
	r.host("h1")
	r.host("h2")
	// A guest that is off is known to its hypervisor alone.
	h.tell(t, "h1", hypervisor.Report{Guests: []hypervisor.Guest{web1("shut off")}})
	g := must(r.e.Guest("web1"))(t)
	assert.Equal(t, "shut off", g.State)
	assert.Equal(t, "h1", g.Host)
	require.Len(t, g.NICs, 1, "a tap NIC is none of its NICs")
	assert.Equal(t, map[string][]inventory.Source{"mac": {inventory.FromLibvirt}},
		g.NICs[0].Sources.Fields())
	assert.Empty(t, g.NICs[0].HostID)
	// It runs: name and addresses of one source, port of the other.
	r.report("h1", hostSnapshot(t), nil)
	h.tell(t, "h1", hypervisor.Report{Guests: []hypervisor.Guest{web1("running")}})
	g = must(r.e.Guest("web1"))(t)
	assert.Equal(t, "g1", g.ID)
	assert.Equal(t, "vnet1", g.NICs[0].Port)
	assert.Equal(t, map[string][]inventory.Source{"mac": {inventory.FromOVSDB,
		inventory.FromLibvirt}, "ifname": {inventory.FromOVSDB, inventory.FromLibvirt},
		"port": {inventory.FromOVSDB}, "ip_addrs": {inventory.FromLibvirt}},
		g.NICs[0].Sources.Fields())
	r.idle()
	must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{Name: "col",
		Type: tap.ServiceGuest, TargetID: "g2"}}))(t)
	f := must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "web1", IP: addr("10.0.0.5")}}))(t)
	assert.Equal(t, switchtest.MAC(1), f.MAC)
	// It has moved, and its old definition is still there: the one that runs counts.
	h.tell(t, "h2", hypervisor.Report{Guests: []hypervisor.Guest{web1("running")}})
	h.tell(t, "h1", hypervisor.Report{Guests: []hypervisor.Guest{web1("shut off")}})
	assert.Equal(t, "h2", must(r.e.Guest("web1"))(t).Host)
	h.tell(t, "h2", hypervisor.Report{Guests: []hypervisor.Guest{}})
	assert.Equal(t, "h1", must(r.e.Guest("web1"))(t).Host)
	// Two of one name: no saying which is meant.
	twin := web1("shut off")
	twin.ID = "g7"
	h.tell(t, "h2", hypervisor.Report{Guests: []hypervisor.Guest{twin}})
	_, err := r.e.Guest("web1")
	assert.Error(t, err)
	assert.Equal(t, "web1", must(r.e.Guest("g7"))(t).Name)
}

func TestPluggingStatus(t *testing.T) {
	h := newScripted()
	r := newRingWith(t, store.NewMemory(), h)
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	s := must(r.e.CreateService(t.Context(),
		store.Service{Service: tap.Service{Name: "col", Type: tap.ServiceGuest,
			TargetID: "g1"}}))(t)
	must(r.e.UpdateService(t.Context(), "col", 0, enable))(t)
	waits := must(r.e.CreateFlow(t.Context(),
		store.Flow{Flow: tap.Flow{Name: "waits", Type: tap.FlowVNIC, TapID: "col", GuestID: "g2",
			Enabled: true}}))(t)
	for _, tc := range []struct {
		name   string
		report hypervisor.Report
		state  tap.State
		code   tap.Code
		reason string
	}{
		{"nothing yet", hypervisor.Report{}, tap.StatePending, view.CodeLibvirtUnasked,
			"libvirt of host h1 was not asked yet"},
		{"down", hypervisor.Report{Problem: "Connection refused"}, tap.StateError,
			view.CodeLibvirtFailed, "host h1: libvirt: Connection refused"},
		{"unknown", hypervisor.Report{Known: true}, tap.StateError, view.CodeGuestAbsent,
			"host h1: libvirt: Domain not found: no domain with matching uuid or name 'g1'"},
		{"off", hypervisor.Report{Known: true,
			NICs: map[string]hypervisor.Outcome{s.ID: {State: hypervisor.Off, Guest: "web1"}}},
			tap.StatePending, view.CodeGuestOff, "guest web1 is off"},
		{"full", hypervisor.Report{Known: true,
			NICs: map[string]hypervisor.Outcome{s.ID: {State: hypervisor.Failed, Guest: "web1",
				Reason: "No more available PCI slots"}}},
			tap.StateError, view.CodeLibvirtFailed,
			"host h1: guest web1: libvirt: No more available PCI slots"},
		{"at it", hypervisor.Report{Known: true,
			NICs: map[string]hypervisor.Outcome{s.ID: {State: hypervisor.Plugging, Guest: "web1"}}},
			tap.StatePending, view.CodeNICPlugging, "NIC " + s.IfName +
				" is being plugged into guest web1 on host h1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.tell(t, "h1", tc.report)
			r.idle()
			assert.Equal(t, view.Health{State: tc.state, Code: tc.code, Reason: tc.reason},
				must(r.e.Service("col"))(t).Health)
			assert.Equal(t, view.Health{State: tc.state, Code: tc.code,
				Reason: "tap service col: " + tc.reason}, must(r.e.Flow(waits.ID))(t).Health)
		})
	}

	// What is wrong with it keeps no mirror from running.
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	h.tell(t, "h1", hypervisor.Report{Known: true, Problem: "Connection refused"})
	assert.Equal(t, tap.StateReady, must(r.e.Service("col"))(t).State)
	assert.Equal(t, view.Health{State: tap.StateReady, Code: view.CodeLibvirtFailed,
		Reason: "libvirt: Connection refused"}, must(r.e.Host("h1"))(t).Health)
}

func TestDeleteHostWithDefinedNIC(t *testing.T) {
	h := newScripted()
	r := newRingWith(t, store.NewMemory(), h)
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	s := must(r.e.CreateService(t.Context(),
		store.Service{Service: tap.Service{Name: "col", Type: tap.ServiceGuest,
			TargetID: "g1"}}))(t)
	off := web1("shut off")
	off.Services = []string{s.ID}
	h.tell(t, "h1", hypervisor.Report{Guests: []hypervisor.Guest{off}})
	assert.ErrorContains(t, r.e.DeleteHost(t.Context(), "h1", 0, false),
		"guest web1 on host h1 has NIC "+s.IfName+
			" of tap service col, and would not start without bridge brtap")
	require.NoError(t, r.e.DeleteService(t.Context(), "col", 0))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorContains(t, r.e.DeleteHost(ctx, "h1", 0, false),
		"libvirt of host h1 is still plugging or unplugging the NIC of a tap service; try again")
	// Without a hurry it waits for the hypervisor.
	deleted := make(chan error, 1)
	go func() { deleted <- r.e.DeleteHost(t.Context(), "h1", 0, false) }()
	off.Services = nil
	h.tell(t, "h1", hypervisor.Report{Guests: []hypervisor.Guest{off}})
	require.NoError(t, <-deleted)
	// A host whose libvirt does not answer any more can go at once.
	r.host("h2")
	off.Services = []string{s.ID}
	h.tell(t, "h2", hypervisor.Report{Guests: []hypervisor.Guest{off},
		Problem: "Connection refused"})
	require.NoError(t, r.e.DeleteHost(t.Context(), "h2", 0, false))
}

// TestOrdersNotTaken: before the hypervisors have heard of a service, nothing is concluded from
// what they do not tell of it.
func TestOrdersNotTaken(t *testing.T) {
	h := newScripted()
	r := newRingWith(t, store.NewMemory(), h)
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	running := hypervisor.Report{Guests: []hypervisor.Guest{web1("running")}, Orders: 1}
	h.tell(t, "h1", running)
	s := must(r.e.CreateService(t.Context(),
		store.Service{Service: tap.Service{Name: "col", Type: tap.ServiceGuest,
			TargetID: "web1"}}))(t)
	must(r.e.UpdateService(t.Context(), "col", 0, enable))(t)
	r.idle()
	assert.Equal(t, view.Pending(view.CodeLibvirtUnasked, "libvirt of host h1 was not asked yet"),
		must(r.e.Service("col"))(t).Health)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	v, err := r.e.WaitService(ctx, "col")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, tap.StatePending, v.State)
	// The same again, but for the orders: now it is known that no guest there is the one.
	running.Orders = 2
	h.tell(t, "h1", running)
	assert.Equal(t, tap.StateError, must(r.e.Service("col"))(t).State)
	running.Orders, running.NICs = 3,
		map[string]hypervisor.Outcome{s.ID: {State: hypervisor.Plugging, Guest: "web1"}}
	h.tell(t, "h1", running)
	assert.Equal(t, tap.StatePending, must(r.e.Service("col"))(t).State)
}

// TestPlanOfPlugging: a plan imagines that hypervisors do what they are about to be told, and an
// explanation tells what they wait for.
func TestPlanOfPlugging(t *testing.T) {
	h := newScripted()
	r := newRingWith(t, store.NewMemory(), h)
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	h.tell(t, "h1", hypervisor.Report{Guests: []hypervisor.Guest{web1("running")}})
	must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{Name: "col",
		Type: tap.ServiceGuest, TargetID: "web1"}}))(t)
	must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g2", Enabled: true}}))(t)
	r.idle()
	enabled := func(ctx context.Context, e *Engine) error {
		_, err := e.UpdateService(ctx, "col", 0, enable)
		return err
	}

	text := written(must(r.e.Rehearse(t.Context(), enabled))(t))
	assert.Contains(t, text,
		"tap_service col [update] disabled -> ready \ntap_flow f [] pending -> ready \n")
	assert.Contains(t, text, "h1: add port tap")
	assert.Contains(t, text, "h1: add mirror tl-")

	off := hypervisor.Report{Guests: []hypervisor.Guest{web1("shut off")}}
	h.tell(t, "h1", off)
	assert.Equal(t, "tap_service col [update] disabled -> pending guest web1 is off\n"+
		"tap_flow f [] pending -> pending tap service col: guest web1 is off\n",
		written(must(r.e.Rehearse(t.Context(), enabled))(t)))

	s := must(r.e.UpdateService(t.Context(), "col", 0, enable))(t)
	off.NICs = map[string]hypervisor.Outcome{s.ID: {State: hypervisor.Off, Guest: "web1"}}
	h.tell(t, "h1", off)
	r.idle()
	x := must(r.e.ExplainService(t.Context(), "col"))(t)
	assert.Equal(t, []string{"start guest web1, on host h1: its definition has the NIC"}, x.Next)
	assert.Equal(t, "guest web1 is off", x.Path[0].Reason)
	assert.Contains(t, x.Path[0].Text, "of guest web1")
}
