package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// switchFlows is what the loop knows of the flows of one OpenFlow connection.
type switchFlows struct {
	sw *link.Switch
	// have and resources are as read, and as changed by us since.
	have      []openflow.FlowStats
	resources flowtable.Resources

	// matches is that with which have agrees, if it is known; compared that with which it was
	// compared last.
	matches, compared wantedFlows
	// settled are the probe flows that stood last.
	settled *reconcile.Probes
}

// wantedFlows is what the flows of a switch are compared with, as far as that may change while the
// flows of the switch do not. The zero value is nothing.
type wantedFlows struct {
	fingerprint uint64 // of the program's flows, groups and meters
	probes      *reconcile.Probes
}

// changed notes that the switch has other flows.
func (f *switchFlows) changed(have []openflow.FlowStats) {
	f.have, f.matches = have, wantedFlows{}
}

// updateFlows brings the flows to what is desired. Fresh flows have to wait for the rows, see
// [step.addFreshFlows]; all others come first, since what delivers must stand before what feeds it.
func (x *step) updateFlows(ctx context.Context) {
	if x.of == nil {
		return
	}

	err := x.openBarredPorts(ctx)
	if err == nil {
		err = x.refreshFlows(ctx)
	}

	if err == nil {
		x.missing = x.compareFlows()
		err = x.prepareResources(ctx)
	}
	if err == nil && !x.missing.Empty() && !x.missing.Fresh {
		err = x.sendFlows(ctx)
	}

	if err != nil {
		x.abandonSwitch()
	}
}

// addFreshFlows adds the flows of owners that have none yet, after their rows. The switch takes a
// transaction and flows that come right after it in one turn, and goes through its cache once for
// both. If it had the flows first, the rows would wait for the next time, 5 ms later.
func (x *step) addFreshFlows(ctx context.Context) {
	if x.of == nil || !x.missing.Fresh || x.missing.Empty() {
		return
	}
	if err := x.sendFlows(ctx); err != nil {
		x.abandonSwitch()
	}
}

// abandonSwitch closes the OpenFlow connection: it has ended, or the outcome of a change is
// unknown. A new connection reads everything again.
func (x *step) abandonSwitch() {
	_ = x.of.sw.Conn.Close() // It returns nil.
	x.of = nil
}

// openBarredPorts opens ports of the program that somebody has barred by OpenFlow.
func (x *step) openBarredPorts(ctx context.Context) error {
	var ports []openflow.Port
	var changes []reconcile.Change
	program := x.desired.Program
	for _, p := range x.of.sw.Barred() {
		i := slices.IndexFunc(program.Ports, func(want tap.Port) bool {
			return want.Name == p.Name && want.Bridge == program.Bridge.Name
		})
		if i < 0 || !x.mayRepair(program.Ports[i].Owner) {
			continue
		}

		ports = append(ports, p)
		changes = append(changes, reconcile.Change{
			Owner:  program.Ports[i].Owner,
			Object: "port " + p.Name + " on " + program.Bridge.Name,
			What:   "barred by OpenFlow",
		})
	}

	if len(ports) == 0 {
		return nil
	}

	if err := x.of.sw.Unbar(ctx, ports); err != nil {
		return err
	}

	x.wrote(0, 0, changes)
	return nil
}

// refreshFlows reads again what somebody else may have changed.
func (x *step) refreshFlows(ctx context.Context) error {
	held, err := x.of.sw.Refresh(ctx)
	if err != nil || held == nil {
		return err
	}

	if held.FlowsRead {
		x.of.changed(held.Flows)
	}
	if !held.Resources.Equal(&x.of.resources) {
		x.of.changed(x.of.have)
	}
	x.of.resources = held.Resources
	return nil
}

// compareFlows compares the flows that the switch has with the desired ones. Once they agree it
// costs nothing until either changes.
func (x *step) compareFlows() reconcile.Flows {
	silenced := x.silence.Owners()
	number := portNumbers(x.snap, x.desired.Program.Bridge.Name)
	x.probes = reconcile.NewProbes(x.desired.Program.Tunnel.Senders, number, x.probes)
	want := wantedFlows{x.desired.FlowsFingerprint, x.probes}
	if len(silenced) == 0 && x.of.matches == want {
		return reconcile.Flows{Whole: true}
	}

	may := func(owner string) bool {
		if x.unresourced[owner] {
			return false
		}
		return silenced[owner] || x.mayRepair(owner) && !x.awaitsPath(owner)
	}

	settled := x.of.settled == x.probes
	flows := reconcile.DiffFlows(x.of.have, x.desired.Silenced(silenced), x.probes, settled, may)
	flows.AddResources(x.of.resources, x.of.have, x.desired, may)
	x.of.matches, x.of.compared = wantedFlows{}, want
	if flows.Empty() && flows.Whole {
		x.of.settled = x.probes
		if len(silenced) == 0 {
			x.of.matches = want
		}
	}

	return flows
}

// sendFlows sends what is missing: by one bundle or, where the order does not matter, without,
// which saves a round trip. What is missing then is all of it, if the switch has refused a part.
func (x *step) sendFlows(ctx context.Context) error {
	sent := x.missing
	apply := flowtable.ApplyMessages
	if sent.Fresh {
		apply = flowtable.AddMessages
	}

	bundle := sent.Bundle()
	err := apply(ctx, x.of.sw.Conn, bundle)

	var refused *flowtable.ModError
	switch {
	case isSlave(err):
		return err // A new connection asks to be master, and learns who is.
	case errors.As(err, &refused):
		if sent.Fresh {
			x.of.sw.Distrust() // Some of them may stand.
		}
		x.s.log.Error("the switch refuses a flow", "error", err)
		for owner := range sent.Outstanding {
			x.refused[owner] = err.Error()
		}
		return nil
	case err != nil:
		return err
	}

	if err := x.of.sw.Conn.Send(ctx, sent.Resources.After...); err != nil {
		return err
	}

	drift := x.flowDrift(sent.Changes)
	x.sentOn = x.of.sw
	x.silence.Restored()
	x.of.changed(reconcile.Applied(x.of.have, sent.Mods))
	x.of.resources = reconcile.AppliedResources(x.of.resources,
		slices.Concat(bundle, sent.Resources.After))
	x.ledger.WroteFlows(sent.Outstanding, time.Now())
	x.wrote(0, len(bundle)+len(sent.Resources.After), drift)

	if len(x.silence.Owners()) == 0 && sent.Whole {
		x.of.matches, x.of.settled = x.of.compared, x.of.compared.probes
		x.missing = reconcile.Flows{Whole: true}
	} else {
		x.missing = x.compareFlows()
	}

	return nil
}

// isSlave reports whether the switch has refused a message of us as of a slave.
func isSlave(err error) bool {
	var refused *ofconn.RequestError
	return errors.As(err, &refused) && refused.Reply.IsSlave()
}

// flowDrift returns the changes of flows that repair what somebody else has done. The first change
// on a connection is none: the switch may have restarted and lost its flows.
func (x *step) flowDrift(changes []reconcile.Change) []reconcile.Change {
	if x.sentOn != x.of.sw {
		return nil
	}
	drift := x.ledger.Drift(x.desired, changes, x.s.memory.WasSelected)
	return slices.DeleteFunc(drift,
		func(c reconcile.Change) bool { return c.Expired || x.silence.Affects(c.Owner) })
}
