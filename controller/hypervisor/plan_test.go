package hypervisor

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

var (
	tapMAC  = tap.MAC{2, 't', 'a', 1, 2, 3}
	ourNIC  = device{mac: tapMAC, dev: "tapa1b2c3", bridge: "brtap", alias: ours}
	byHand  = device{mac: tapMAC, dev: "vnet9", bridge: "br0", alias: "net1"}
	onBr0   = device{mac: tapMAC, dev: "tapa1b2c3", bridge: "br0", alias: ours}
	foreign = device{
		mac:    tap.MAC{2, 't', 'a', 9, 9, 9},
		dev:    "tapx",
		bridge: "brtap",
		alias:  "ua-tapline-c2-s1",
	}
)

// alone matches as if there were no other host.
func alone(t Target, g *Guest) match {
	if t.evidence(g) == noEvidence {
		return match{}
	}
	return match{kind: isTarget}
}

// planDomain is a persistent domain with NICs in its process (nil: it is off) and its definition.
func planDomain(live, config []device) domain {
	return domain{
		Guest:  Guest{ID: webID, Name: "web1", Running: live != nil, Persistent: true},
		live:   live,
		config: config,
	}
}

func TestPlan(t *testing.T) {
	attach := func(at scope) step {
		return step{domain: webID, guest: "web1", scope: at, service: "s1", dev: "tapa1b2c3"}
	}
	detach := func(at scope, n device, replug bool) step {
		return step{
			domain: webID, guest: "web1", scope: at, service: "s1",
			detach: true, alias: n.alias, dev: n.dev, replug: replug,
		}
	}
	transient := planDomain([]device{}, nil)
	transient.Persistent = false
	plugged := []device{ourNIC}

	for name, tc := range map[string]struct {
		domain  domain
		orders  []Order
		lost    bool
		steps   []step
		outcome OutcomeState
	}{
		"running guest comes before its definition": {
			domain: planDomain([]device{}, nil), orders: []Order{order(true, Target{ID: webID})},
			steps: []step{attach(scopeLive), attach(scopeConfig)}, outcome: Plugging,
		},
		"transient guest has no definition": {
			domain: transient, orders: []Order{order(true, Target{ID: webID})},
			steps: []step{attach(scopeLive)}, outcome: Plugging,
		},
		"guest that is off gets it at its next start": {
			domain: planDomain(nil, nil), orders: []Order{order(true, Target{ID: webID})},
			steps: []step{attach(scopeConfig)}, outcome: Off,
		},
		"plugged": {
			domain: planDomain(plugged, plugged), orders: []Order{order(true, Target{ID: webID})},
			outcome: Plugged,
		},
		"plugged by hand into any bridge": {
			domain:  planDomain([]device{byHand}, []device{byHand}),
			orders:  []Order{order(true, Target{ID: webID})},
			outcome: Plugged,
		},
		"lost port is plugged again": {
			domain: planDomain(plugged, plugged), orders: []Order{order(true, Target{ID: webID})},
			lost:  true,
			steps: []step{detach(scopeLive, ourNIC, true)}, outcome: Plugging,
		},
		"lost port of a NIC plugged by hand is left alone": {
			domain:  planDomain([]device{byHand}, []device{byHand}),
			orders:  []Order{order(true, Target{ID: webID})},
			lost:    true,
			outcome: Plugged,
		},
		"definition on another bridge is replaced": {
			domain: planDomain([]device{onBr0}, []device{onBr0}),
			orders: []Order{order(true, Target{ID: webID})},
			steps:  []step{detach(scopeConfig, onBr0, true)}, outcome: Plugged,
		},
		"disabled service without NIC": {
			domain: planDomain([]device{}, nil), orders: []Order{order(false, Target{ID: webID})},
			outcome: Absent,
		},
		"disabled service keeps its NIC": {
			domain: planDomain([]device{onBr0}, []device{onBr0}),
			orders: []Order{order(false, Target{ID: webID})},
			lost:   true, outcome: Plugged,
		},
		"NIC without order is unplugged, that of another cluster is not": {
			domain: planDomain([]device{foreign, ourNIC}, []device{ourNIC, foreign, byHand}),
			steps:  []step{detach(scopeLive, ourNIC, false), detach(scopeConfig, ourNIC, false)},
		},
		"order for another guest": {
			domain: planDomain(plugged, nil), orders: []Order{order(true, Target{ID: dbID})},
			steps: []step{detach(scopeLive, ourNIC, false)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lost := map[string]bool{"s1": tc.lost}
			p := makePlan("c1", "brtap", []domain{tc.domain}, tc.orders, lost, alone)
			assert.Equal(t, tc.steps, p.steps)
			assert.Equal(t, tc.outcome, p.nics["s1"].State)
		})
	}
}

// TestPlanOfSeveralDomains: a service's outcome is that of the running guest, whatever the order of
// the domains.
func TestPlanOfSeveralDomains(t *testing.T) {
	off, running := planDomain(nil, nil), planDomain([]device{ourNIC}, nil)
	off.ID, off.Name = dbID, "web1-old"
	off.NICs = []GuestNIC{{MAC: webMAC}}
	running.NICs = off.NICs
	orders := []Order{order(true, Target{ID: "x", MACs: []tap.MAC{webMAC}})}
	for _, domains := range [][]domain{{off, running}, {running, off}} {
		p := makePlan("c1", "brtap", domains, orders, nil, alone)
		assert.Equal(t, map[string]Outcome{"s1": {State: Plugged, Guest: "web1"}}, p.nics)
	}
}

func TestStepDescription(t *testing.T) {
	s := step{guest: "web1", dev: "tap0", scope: scopeLive}
	assert.Equal(t, "plug NIC tap0 into guest web1", s.describe())
	s.scope = scopeConfig
	assert.Equal(t, "plug NIC tap0 into the definition of guest web1", s.describe())
	s.detach = true
	assert.Equal(t, "unplug NIC tap0 from the definition of guest web1", s.describe())
}

// TestOutcomeWhileUncertain: nothing is plugged while it is not certain which guest is meant. What
// is plugged already stays, and the outcome says so.
func TestOutcomeWhileUncertain(t *testing.T) {
	rivals := match{kind: isAmbiguous, reason: "web1 is on h1 and h2"}
	plugged := []device{ourNIC}
	for name, tc := range map[string]struct {
		domain domain
		plug   bool
		match  match
		want   Outcome
	}{
		"plugged already":    {planDomain(plugged, plugged), true, rivals, Outcome{State: Plugged}},
		"nothing is ordered": {planDomain([]device{}, nil), false, rivals, Outcome{State: Absent}},
		"rivals": {planDomain([]device{}, nil), true, rivals,
			Outcome{State: Failed, Reason: "web1 is on h1 and h2"}},
		"rivals, and it is off": {planDomain(nil, plugged), true, rivals,
			Outcome{State: Failed, Reason: "web1 is on h1 and h2"}},
		"not all hosts were read": {planDomain([]device{}, nil), true, match{kind: isUndecided},
			Outcome{State: Plugging}},
		"it runs elsewhere": {planDomain(nil, nil), true, match{kind: isStandby},
			Outcome{State: Off}},
	} {
		t.Run(name, func(t *testing.T) {
			orders := []Order{order(tc.plug, Target{ID: webID})}
			tc.want.Guest = "web1"
			p := makePlan("c1", "brtap", []domain{tc.domain}, orders, nil,
				func(Target, *Guest) match { return tc.match })

			assert.Empty(t, p.steps)
			assert.Equal(t, tc.want, p.nics["s1"])
		})
	}
}
