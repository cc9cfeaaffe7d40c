//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// faults are what is killed in a round, all within moments.
type faults struct {
	controller, plugin bool
	vswitchd, ovsdb    []*lab.Host
	after              time.Duration // from the begin of the round
}

func (f faults) switches() bool { return len(f.vswitchd)+len(f.ovsdb) > 0 }
func (f faults) any() bool      { return f.controller || f.plugin || f.switches() }

func (f faults) names() (all []string) {
	if f.controller {
		all = append(all, "controller")
	}
	if f.plugin {
		all = append(all, "plugin")
	}

	for _, h := range f.vswitchd {
		all = append(all, "vswitchd "+h.Name)
	}

	for _, h := range f.ovsdb {
		all = append(all, "ovsdb "+h.Name)
	}

	return all
}

func (f faults) String() string { return fmt.Sprintf("%v killed after %v", f.names(), f.after) }

func (s *soak) chance(percent int) bool { return s.random.IntN(100) < percent }

func (s *soak) pickFaults() faults {
	f := faults{controller: s.chance(35), plugin: s.chance(35),
		after: time.Duration(s.random.IntN(40)) * time.Millisecond}

	for _, h := range s.Hosts {
		if s.chance(12) {
			f.vswitchd = append(f.vswitchd, h)
		}
		if s.chance(12) {
			f.ovsdb = append(f.ovsdb, h)
		}
	}

	for _, name := range f.names() {
		what, _, _ := strings.Cut(name, " ")
		s.ops["kill "+what]++
	}

	return f
}

// inflict kills, and starts again what does not start by itself.
func (s *soak) inflict(f faults) {
	t := s.t
	if f.any() {
		t.Log(f)
	}

	<-time.After(f.after) // A random moment is what is wanted.
	if f.plugin {
		for _, pid := range s.children() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // It may have ended.
		}
	}

	for _, h := range f.vswitchd {
		must(t, h.KillVSwitchd())
	}

	for _, h := range f.ovsdb {
		must(t, h.KillOVSDB())
	}

	if f.controller {
		s.stop(t, syscall.SIGKILL)
	}

	ctx := deadline(t)
	for _, h := range f.ovsdb {
		must(t, h.StartOVSDB(ctx))
	}

	for _, h := range f.vswitchd {
		must(t, h.StartVSwitchd(ctx))
	}

	if f.controller {
		s.start(t)
	}
}

// pickChanges chooses three changes of intent, and returns what makes them by one client. That may
// run while the controller dies.
func (s *soak) pickChanges() func(*client.Client) []outcome {
	var all []func(*client.Client) *outcome
	for range 3 {
		all = append(all, s.pickChange())
	}

	return func(c *client.Client) (unsure []outcome) {
		for _, change := range all {
			if o := change(c); o != nil {
				unsure = append(unsure, *o)
			}
		}
		return unsure
	}
}

const changeTime = 5 * time.Second

// pickChange chooses a change. Where its answer does not come, what became of it is to be found
// out.
func (s *soak) pickChange() func(*client.Client) *outcome {
	flows := sortedKeys(s.model.flows)
	services := sortedKeys(s.model.services)
	for {
		id := flows[s.random.IntN(len(flows))]
		f := s.model.flows[id]
		steady := f.TapID == s.steady.ID
		switch n := s.random.IntN(10); {
		case n < 4 && len(flows) < 12:
			s.ops["create"]++
			return s.create(s.newFlow(services[s.random.IntN(len(services))]))
		case n < 4, n == 4 && !steady && len(flows) > 4:
			if steady {
				continue
			}
			s.ops["delete"]++
			return s.remove(id)
		case n < 7 && !steady:
			s.ops["switch flow"]++
			return s.change(id, func(f *api.TapFlow) { f.Enabled = !f.Enabled })
		case n < 9 && !steady:
			direction := []string{"IN", "OUT", "BOTH"}[s.random.IntN(3)]
			s.ops["direction"]++
			return s.change(id, func(f *api.TapFlow) { f.Direction = direction })
		case n == 9:
			if service := services[s.random.IntN(len(services))]; service != s.steady.ID {
				s.ops["switch service"]++
				return s.switchService(service)
			}
		}
	}
}

func (s *soak) newFlow(service string) api.TapFlowCreate {
	direction := []string{"IN", "OUT", "BOTH"}[s.random.IntN(3)]
	g, h := s.guests[s.random.IntN(len(s.guests))], s.Hosts[s.random.IntN(len(s.Hosts))]
	f := vnic(g, direction)
	if s.chance(30) && service != s.steady.ID {
		f = vswitch(h, lab.Wire, []int{0, 5, 6}[s.random.IntN(3)], direction)
	}

	f.TapID, f.Name = service, unique("flow")
	if service == s.steady.ID {
		// the copies of what the first one sends are counted
		f = vnic(s.guests[1+s.random.IntN(len(s.guests)-1)], "OUT")
		f.TapID, f.Name = service, unique("flow")
	}

	return f
}

func (s *soak) create(f api.TapFlowCreate) func(*client.Client) *outcome {
	return func(c *client.Client) *outcome {
		ctx, cancel := context.WithTimeout(context.Background(), changeTime)
		defer cancel()
		made, err := c.TapFlows().Create(ctx, f)
		if err == nil {
			s.takeFlow(made)
		}

		if err == nil || refusedOnly(err) { // such as a second one that is the same
			return nil
		}

		return &outcome{name: f.Name, took: s.takeFlow, gone: func() {}}
	}
}

func (s *soak) remove(id string) func(*client.Client) *outcome {
	return func(c *client.Client) *outcome {
		ctx, cancel := context.WithTimeout(context.Background(), changeTime)
		defer cancel()
		err := c.TapFlows().Delete(ctx, id)
		if err == nil {
			delete(s.model.flows, id)
		}

		if err == nil || refusedOnly(err) {
			return nil
		}

		gone := func() { delete(s.model.flows, id) }
		return &outcome{id: id, gone: gone, took: func(f api.TapFlow) {
			if f.Status == api.Deleting {
				gone() // It goes once all switches were read back.
			}
		}}
	}
}

func (s *soak) change(id string, edit func(*api.TapFlow)) func(*client.Client) *outcome {
	return func(c *client.Client) *outcome {
		ctx, cancel := context.WithTimeout(context.Background(), changeTime)
		defer cancel()
		want, exists := s.model.flows[id]
		if !exists {
			return nil // Deleted by the change before.
		}
		if s.could[id] == nil {
			s.could[id] = []changeable{changeableOf(want)}
		}

		edit(&want)
		now, err := c.TapFlows().Update(ctx, id,
			api.TapFlowPatch{Enabled: &want.Enabled, Direction: &want.Direction})
		if err == nil {
			s.takeFlow(now)
			s.could[id] = []changeable{changeableOf(now)}
		}

		if err == nil || refusedOnly(err) {
			return nil
		}

		s.could[id] = append(s.could[id], changeableOf(want))
		return &outcome{id: id, took: func(f api.TapFlow) {
			if !slices.Contains(s.could[id], changeableOf(f)) {
				s.t.Errorf("flow %s is %+v, and of its changes followed %+v", f.Name,
					changeableOf(f), s.could[id])
			}
			s.takeFlow(f)
		}}
	}
}

// changeable is what changes of a flow are about.
type changeable struct {
	enabled   bool
	direction string
}

func changeableOf(f api.TapFlow) changeable { return changeable{f.Enabled, f.Direction} }

func (s *soak) switchService(id string) func(*client.Client) *outcome {
	return func(c *client.Client) *outcome {
		ctx, cancel := context.WithTimeout(context.Background(), changeTime)
		defer cancel()
		v := s.model.services[id]
		on := !v.enabled
		now, err := c.TapServices().Update(ctx, id, api.TapServicePatch{Enabled: &on})
		if err == nil {
			v.enabled = now.Enabled
		} else if !refusedOnly(err) {
			s.unsure = append(s.unsure, id)
		}

		return nil
	}
}

// disturb plugs guests elsewhere, and changes things on the switches by hand. It returns how many
// operations that were.
func (s *soak) disturb() int {
	t, ctx, n := s.t, deadline(s.t), 0
	for _, id := range s.unsure {
		now, err := s.api.TapServices().Get(ctx, id)
		must(t, err)
		s.model.services[id].enabled = now.Enabled
	}

	s.unsure = nil
	mobile := append([]*lab.Guest{}, s.guests[1:]...) // the first one's copies are counted
	for _, id := range sortedKeys(s.model.services) {
		if v := s.model.services[id]; v.spare == nil && v.sink != s.steady {
			mobile = append(mobile, v.sink.guest)
		}
	}

	if g := mobile[s.random.IntN(len(mobile))]; s.chance(50) {
		n++
		if s.chance(50) {
			s.ops["restart guest"]++
			must(t, g.Restart(ctx))
		} else {
			s.ops["move guest"]++
			must(t, g.MoveTo(ctx, s.Hosts[s.random.IntN(len(s.Hosts))]))
		}
	}

	if s.chance(50) {
		n++
		s.vandalise(s.Hosts[s.random.IntN(len(s.Hosts))])
	}

	return n
}

// steadyPort is the port to which the steady service's frames are mirrored. Nobody widens what is
// mirrored there, so that it can be told that nothing else comes.
func (s *soak) steadyPort() string {
	sum := sha256.Sum256([]byte(lab.WireBridge + "\x00" + s.steady.ID))
	return fmt.Sprintf("tlm-%x", sum[:4])
}

// vandalise changes something of ours on a switch by hand.
func (s *soak) vandalise(h *lab.Host) {
	d := dump(s.t, h)
	var lines [][]string
	for _, key := range sortedKeys(d) {
		r := d[key]
		table, uuid, _ := strings.Cut(key, "/")
		if !r.ours() {
			continue
		}

		lines = append(lines, []string{"clear", table, uuid, "external_ids"})
		switch {
		case table == "Port" && r["name"] != "brtap":
			lines = append(lines, []string{"del-port", r["name"]},
				[]string{"set", "Port", uuid, "tag=9"})
		case table == "Mirror" && r["output_port"] == s.steadyPort():
			lines = append(lines, []string{"clear", "Mirror", uuid, "output_port"},
				[]string{"clear", "Mirror", uuid, "select_src_port"})
		case table == "Mirror":
			lines = append(lines, []string{"set", "Mirror", uuid, "select_all=true"},
				[]string{"clear", "Mirror", uuid, "output_port"})
		case table == "Bridge":
			lines = append(lines, []string{"set-fail-mode", "brtap", "standalone"},
				[]string{"del-controller", "brtap"})
		}
	}

	pick := s.random.IntN(len(lines) + 2)
	var err error
	switch {
	case pick < len(lines):
		s.ops["spoil "+lines[pick][0]]++
		s.t.Logf("%s: ovs-vsctl %s", h.Name, strings.Join(lines[pick], " "))
		_, err = h.VSCtl(append([]string{"--no-wait"}, lines[pick]...)...)
	case pick == len(lines):
		s.ops["spoil flows"]++
		_, err = h.OFCtl("del-flows", "brtap")
	default:
		s.ops["spoil flows"]++
		_, err = h.OFCtl("add-flow", "brtap", "table=0,priority=40000,actions=drop")
	}

	if err != nil {
		s.t.Logf("nothing was spoilt: %v", err) // It was no longer there.
	}
}
