package session

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// barring are settings that keep packets from passing a port. Somebody may make them by OpenFlow, and no database shows them. That a
// port is down is not among them: a NIC shows it as its state.
const barring = openflow.PortNoRecv | openflow.PortNoFwd | openflow.PortNoPacketIn

// followConfig takes in how a switch shows a port. It reports whether the port is barred. The caller holds mu, or is alone.
func (c *switchConn) followConfig(p openflow.Port, gone bool) bool {
	if gone || p.Config&barring == 0 {
		delete(c.barred, p.No)
		return false
	}
	if c.barred == nil {
		c.barred = map[openflow.PortNo]openflow.Port{}
	}
	if len(c.barred) < maxPorts {
		c.barred[p.No] = p
	}
	return true
}

// unbar opens ports of the program that somebody has barred.
func (l *loop) unbar(ctx context.Context, of *switchConn, desired *reconcile.Desired) error {
	l.s.mu.Lock()
	barred := slices.SortedFunc(maps.Values(of.barred), func(a, b openflow.Port) int { return cmp.Compare(a.No, b.No) })
	l.s.mu.Unlock()
	var mods []openflow.Message
	var changes []reconcile.Change
	for _, p := range barred {
		i := slices.IndexFunc(desired.Program.Ports, func(want tap.Port) bool {
			return want.Name == p.Name && want.Bridge == desired.Program.Bridge.Name
		})
		if i < 0 || !l.repair(desired.Program.Ports[i].Owner) {
			continue
		}
		mods = append(mods, &openflow.PortMod{Port: p.No, HWAddr: p.HWAddr, Mask: barring})
		changes = append(changes, reconcile.Change{
			Owner: desired.Program.Ports[i].Owner, Object: "port " + p.Name + " on " + desired.Program.Bridge.Name, What: "barred by OpenFlow",
		})
	}
	if len(mods) == 0 {
		return nil
	}
	l.s.mu.Lock()
	for _, m := range mods {
		delete(of.barred, m.(*openflow.PortMod).Port) // Before it is sent: the switch tells if it is barred again.
	}
	l.s.mu.Unlock()
	if err := of.conn.Send(ctx, mods...); err != nil {
		return err
	}
	l.wrote(0, 0, changes)
	return nil
}
