package fleet

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// newFleet returns a fleet with the records of hosts, in the order in which they were registered.
func newFleet(names ...string) *Fleet {
	in := intent.New()
	for i, name := range names {
		record := &store.Host{ID: "id-" + name, Name: name, OVSDB: "tcp:192.0.2.1:6640"}
		record.CreatedAt = time.Unix(int64(i), 0)
		in.Hosts.Put(record)
	}
	return New(in, inventory.Observer{Cluster: "c", TapBridge: "brtap"})
}

// TestSecondRecordOfOneSwitch: of two hosts that show one switch, or one tunnel address, the one
// that was registered later is refused, until the first is gone.
func TestSecondRecordOfOneSwitch(t *testing.T) {
	identity := inventory.Identity{SystemID: "s1", Root: "r1"}
	address := netip.MustParseAddr("10.0.0.1")
	shows := func(id inventory.Identity, addr netip.Addr) *inventory.Observation {
		return &inventory.Observation{Identity: id, Host: tap.Host{TunnelIP: addr}}
	}

	nothing := &inventory.Observation{}

	for name, shown := range map[string]*inventory.Observation{
		"one switch":  shows(identity, netip.Addr{}),
		"one address": shows(inventory.Identity{Root: "other"}, address),
	} {
		f := newFleet("first", "second")
		second := f.intent.Hosts.Find("second")
		first := shows(identity, address)
		f.identify("id-first", nothing, first)
		f.Running["id-second"] = NewHost("id-second", func() {})

		f.identify("id-second", nothing, shown)
		why := f.refusal(second, shown.Identity, shown.Host.TunnelIP)
		assert.Contains(t, why, "host first", name)
		assert.Empty(t, f.refusal(f.intent.Hosts.Find("first"), identity, address), name)

		again := f.identify("id-first", first, nothing)
		assert.Equal(t, []*Host{f.Running["id-second"]}, again, name)
		assert.Empty(t, f.refusal(second, shown.Identity, shown.Host.TunnelIP), name)
	}
}

// TestSwitchReplaced: the system-id that a host showed first, or that was declared, is kept.
func TestSwitchReplaced(t *testing.T) {
	f := newFleet("h1")
	record := *f.intent.Hosts.Find("h1")
	f.learnSwitch("id-h1", &inventory.Observation{Identity: inventory.Identity{SystemID: "s1"}})

	other := inventory.Identity{SystemID: "s2"}
	assert.Contains(t, f.refusal(&record, other, netip.Addr{}), `has system-id "s2"`)
	record.SystemID = "s2"
	assert.Empty(t, f.refusal(&record, other, netip.Addr{}))
}

// TestKernelWithoutGRE: what the switch says of a GRE port that has failed is learned once, and
// counts in later observations. On the userspace datapath, or before it has failed, it does not.
func TestKernelWithoutGRE(t *testing.T) {
	const words = "Address family not supported by protocol"
	for _, test := range []struct {
		name, datapath string
		state          session.State
		want           string
	}{
		{"failed", "system", session.Failed, words},
		{"made anew", "system", session.Waiting, ""},
		{"userspace", "netdev", session.Failed, ""},
	} {
		f := newFleet("h1")
		h := NewHost("id-h1", func() {})
		h.Program = &reconcile.Desired{Program: &tap.Program{Ports: []tap.Port{
			{Owner: "tunnel", Name: "tl-gre", Type: "gre"},
		}}}
		h.Report.Owners = map[string]session.OwnerState{"tunnel": {State: test.state}}
		h.Observed.Host.TapDatapath = test.datapath
		h.Observed.Host.TapPorts = []tap.TapPort{{Name: "tl-gre", Error: words}}

		assert.Equal(t, test.want != "", f.LearnNoGRE(h), test.name)
		assert.False(t, f.LearnNoGRE(h), "%s: again", test.name)
		assert.Equal(t, test.want, h.Observed.Host.NoGRE, test.name)

		later := f.Observer.Observe(f.intent.Hosts.Find("h1"), f.Lessons.Known("id-h1"), nil,
			f.Places.Claimed)
		assert.Equal(t, test.want, later.Host.NoGRE, test.name)
	}
}

// TestLessonsAreStoredOnce: what was learned is due once, and again after a failed write.
func TestLessonsAreStoredOnce(t *testing.T) {
	l := newLessons(map[string]store.Learned{})
	l.Learn("h1", store.Learned{SystemID: "s1"})
	l.Learn("h1", store.Learned{SystemID: "s1"})
	assert.Len(t, l.Wake(), 1)

	due, ops := l.TakeDue()
	assert.Equal(t, []store.Op{{
		Kind: store.KindLearned, ID: "h1", Value: []byte(`{"system_id":"s1"}`),
	}}, ops)

	_, none := l.TakeDue()
	assert.Empty(t, none)

	l.PutBack(due)
	l.Learn("h1", store.Learned{})
	_, ops = l.TakeDue()
	assert.Equal(t, []store.Op{{Kind: store.KindLearned, ID: "h1"}}, ops, "it is forgotten")
}

// TestManyLessonsTakeSeveralBatches: all are due once, and no batch is larger than every store
// takes.
func TestManyLessonsTakeSeveralBatches(t *testing.T) {
	l := newLessons(map[string]store.Learned{})
	for i := range 2*store.MaxOps + 1 {
		l.Learn(fmt.Sprint(i), store.Learned{SystemID: "s"})
	}

	stored := sets.Set{}
	for batch := range 3 {
		<-l.Wake()
		due, ops := l.TakeDue()
		assert.LessOrEqual(t, len(ops), store.MaxOps)
		assert.Len(t, due, len(ops))
		for id := range due {
			assert.NotContains(t, stored, id)
			stored.Add(id)
		}
		assert.Equal(t, batch < 2, len(l.Wake()) == 1, "there is a rest")
	}
	assert.Len(t, stored, 2*store.MaxOps+1)
}

// TestWrongNICIsTriedAgain: the pauses grow while a name is another device's, and start anew once
// it was right.
func TestWrongNICIsTriedAgain(t *testing.T) {
	wanted, other := tap.MAC{2, 0, 0, 0, 0, 1}, tap.MAC{2, 0, 0, 0, 0, 2}
	h := NewHost("h1", func() {})
	shown := func(mac tap.MAC) *tap.Host {
		return &tap.Host{NICs: []tap.HostNIC{{Name: "eth9", MAC: wanted}},
			TapPorts: []tap.TapPort{{Name: "eth9", MAC: mac}}}
	}

	var last NICWait
	for _, pause := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
		wrong := h.noteNICs(shown(other))
		assert.Equal(t, []NICWait{{"eth9", other, pause}}, wrong)
		assert.Empty(t, h.noteNICs(shown(other)), "it is known")
		last = wrong[0]
		assert.True(t, h.Retry(last))
	}

	assert.Empty(t, h.noteNICs(shown(wanted)))
	assert.False(t, h.Retry(last), "it was seen again")
	assert.Equal(t, firstNICRetry, h.noteNICs(shown(other))[0].Pause)
}

// TestCertifiedByName: a certificate that names another host is refused, one that names none is
// nobody's.
func TestCertifiedByName(t *testing.T) {
	f := newFleet("h1", "h2")
	for name, want := range map[string]struct {
		own    bool
		failed string
	}{
		"h1":         {own: true},
		"h1 id:1234": {own: true},
		"h2": {failed: `certificate "h2" is that of host h2: want one that names ` +
			`host h1`},
		"ovs-controller": {},
	} {
		shown := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		own, err := f.Certified("id-h1", shown)
		assert.Equal(t, want.own, own, name)
		if want.failed == "" {
			assert.NoError(t, err, name)
		} else {
			assert.EqualError(t, err, want.failed, name)
		}
	}
}
