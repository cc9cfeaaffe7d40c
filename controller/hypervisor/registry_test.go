package hypervisor

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/hypervisor/virshtest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestEvidence(t *testing.T) {
	g := &Guest{ID: webID, Name: "web1", NICs: []GuestNIC{{MAC: webMAC}, {}}}
	for name, tc := range map[string]struct {
		target Target
		want   evidence
	}{
		"uuid":             {Target{ID: webID}, byUUID},
		"uuid in capitals": {Target{ID: strings.ToUpper(webID)}, byUUID},
		"name as id":       {Target{ID: "web1"}, byNameOrMAC},
		"declared name":    {Target{ID: "g7", Name: "web1"}, byNameOrMAC},
		"MAC": {Target{ID: "g7", MACs: []tap.MAC{tapMAC, webMAC}},
			byNameOrMAC},
		"name and MAC": {Target{ID: "g7", Name: "web1", MACs: []tap.MAC{webMAC}},
			byNameAndMAC},
		"name, but another MAC": {Target{ID: "g7", Name: "web1", MACs: []tap.MAC{tapMAC}},
			noEvidence},
		"other": {Target{ID: dbID, Name: "db1", MACs: []tap.MAC{tapMAC}},
			noEvidence},
		"zero MAC":                   {Target{ID: dbID, MACs: []tap.MAC{{}}}, noEvidence},
		"no name does not match one": {Target{ID: dbID, Name: ""}, noEvidence},
	} {
		assert.Equal(t, tc.want, tc.target.evidence(g), name)
	}
}

func TestRegistry(t *testing.T) {
	web := Guest{ID: webID, Name: "web1", State: "running", NICs: []GuestNIC{{MAC: webMAC}}}
	sameName := Guest{ID: dbID, Name: "web1", State: "running"}
	sameID := web
	sameID.Name = "anything"
	off := web
	off.State = "shut off"
	paused := web
	paused.State = "paused"

	for name, tc := range map[string]struct {
		target Target
		h1, h2 []Guest
		want   [2]matchKind // of the first guest of each host
	}{
		"one guest": {Target{ID: "web1"}, []Guest{web}, nil,
			[2]matchKind{isTarget}},
		"one name on two hosts": {Target{ID: "web1"}, []Guest{web}, []Guest{sameName},
			[2]matchKind{isAmbiguous, isAmbiguous}},
		"a UUID beats a name": {Target{ID: webID, Name: "web1"}, []Guest{web},
			[]Guest{sameName}, [2]matchKind{isTarget, noMatch}},
		"name and MAC beat a name": {Target{ID: "g1", Name: "web1", MACs: []tap.MAC{webMAC}},
			[]Guest{web}, []Guest{sameName}, [2]matchKind{isTarget, noMatch}},
		"a UUID that another host claims": {Target{ID: webID}, []Guest{web}, []Guest{sameID},
			[2]matchKind{isAmbiguous, isAmbiguous}},
		"a definition left behind": {Target{ID: webID}, []Guest{off}, []Guest{web},
			[2]matchKind{isStandby, isTarget}},
		"a migration": {Target{ID: webID}, []Guest{web}, []Guest{paused},
			[2]matchKind{isTarget, isStandby}},
		"one definition on two hosts": {Target{ID: webID}, []Guest{off}, []Guest{off},
			[2]matchKind{isAmbiguous, isAmbiguous}},
		"names are not compared by state": {Target{ID: "web1"}, []Guest{off}, []Guest{sameName},
			[2]matchKind{isAmbiguous, isAmbiguous}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry()
			hosts := map[string][]Guest{"h1": tc.h1, "h2": tc.h2}
			for _, host := range []string{"h1", "h2"} {
				r.join(host, func() {})
			}
			for host, guests := range hosts {
				r.settle(host, guests)
			}
			for i, host := range []string{"h1", "h2"} {
				if len(hosts[host]) > 0 {
					assert.Equal(
						t,
						tc.want[i],
						r.match(tc.target, host, &hosts[host][0]).kind,
						host,
					)
				}
			}
		})
	}
}

func TestRegistryWakesThoseConcerned(t *testing.T) {
	r := newRegistry()
	var woken []string
	for _, host := range []string{"h1", "h2", "h3"} {
		r.join(host, func() { woken = append(woken, host) })
	}
	take := func() []string {
		defer func() { woken = nil }()
		slices.Sort(woken)
		return woken
	}
	web := Guest{ID: webID, Name: "web1", State: "running"}
	target := Target{ID: "web1"}

	r.settle("h1", []Guest{web})
	assert.Equal(t, isUndecided, r.match(target, "h1", &web).kind, "h2 and h3 were not read")
	assert.Equal(
		t,
		isTarget,
		r.match(Target{ID: webID}, "h1", &web).kind,
		"a UUID waits for nobody",
	)
	r.settle("h2", nil)
	assert.Empty(t, take())
	r.settle("h3", nil)
	assert.Equal(t, []string{"h1", "h2"}, take(), "all hosts were read")
	assert.Equal(t, isTarget, r.match(target, "h1", &web).kind)

	rival := Guest{ID: dbID, Name: "web1"}
	r.settle("h2", []Guest{rival})
	assert.Equal(t, []string{"h1"}, take(), "h1 has the same name")
	m := r.match(target, "h1", &web)
	assert.Equal(t, isAmbiguous, m.kind)
	assert.Contains(t, m.reason, "web1 ("+webID+") on host h1, web1 ("+dbID+") on host h2")

	r.settle("h3", []Guest{{ID: "x", Name: "other"}})
	assert.Empty(t, take(), "that concerns nobody")
	r.leave("h2")
	assert.Equal(t, []string{"h1"}, take())
	assert.Equal(t, isTarget, r.match(target, "h1", &web).kind)
	r.leave("h1")
	r.leave("h3")
	assert.Empty(t, r.claims)
	assert.Zero(t, r.unread)
}

// TestSameNameOnTwoHosts: guests on two hosts have the name of the target. The NIC is plugged into
// neither, and once one of them has another name it is plugged into the other.
func TestSameNameOnTwoHosts(t *testing.T) {
	root := t.TempDir()
	driver := newDriver(t, Config{Timing: quick, Environment: []string{virshtest.Env + "=" + root}})
	var scenes []*scene
	for i, id := range []string{webID, dbID} {
		ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		s := newSceneIn(
			t,
			filepath.Join(root, ip.String()),
			map[string]*virshtest.Domain{id: web(true)},
		)
		s.start(
			driver,
			Host{Name: fmt.Sprintf("h%d", i+1), Addr: ip},
			order(true, Target{ID: "web1"}),
		)
		scenes = append(scenes, s)
	}
	for _, s := range scenes {
		s.outcome(Failed, "several match: web1 ("+webID+") on host h1, web1 ("+dbID+") on host h2")
	}

	scenes[1].event(func(now *virshtest.State) { now.Domains[dbID].Name = "web2" })
	scenes[0].outcome(Plugged, "")
	assert.Zero(t, scenes[1].calls("attach-device"))
	assert.Len(t, scenes[1].State().Domains[dbID].Config, 1)
}

// TestSameNameLater: a second guest of the same name takes nothing away.
func TestSameNameLater(t *testing.T) {
	s := newScene(t, map[string]*virshtest.Domain{webID: web(true)})
	s.begin(order(true, Target{ID: "web1"}))
	s.outcome(Plugged, "")
	s.event(func(now *virshtest.State) { now.Domains[dbID] = web(true) })
	s.until("both are known", func(r Report) bool { return len(r.Guests) == 2 })
	s.orders.Put(2, []Order{order(true, Target{ID: "web1"})})
	s.until("the orders are taken", func(r Report) bool { return r.Orders == 2 })
	assert.Zero(t, s.calls("detach-device"))
	assert.Len(t, s.State().Domains[dbID].Live, 1)
}

// TestRogueLibvirt: a libvirt that describes a domain under another id, with commands in it, is an
// error of its host. No command holds a word of the description.
func TestRogueLibvirt(t *testing.T) {
	d := web(true)
	d.Describes = "0; echo pwned >/tmp/x; " + dbID
	s := newScene(t, map[string]*virshtest.Domain{webID: d})
	s.begin(order(true, Target{ID: webID}))
	r := s.until("it says so", func(r Report) bool { return r.Problem != "" })
	assert.Contains(t, r.Problem, "domain "+webID+": libvirt describes another domain")
	assert.False(t, r.Known)
	assert.Zero(t, s.calls("attach-device"))
	for _, call := range s.State().Calls {
		assert.NotContains(t, call, "pwned")
		assert.NotContains(t, call, dbID)
	}
}
