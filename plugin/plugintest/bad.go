package plugintest

import (
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Bad is one way in which a plugin breaks its contract. A controller must refuse every program that
// Spoil has changed, and keep the last good one.
type Bad struct {
	Name  string
	Spoil func(*tap.Program)
}

// BadPlugins lists ways in which a plugin may turn against its owners. Each spoils programs that
// have a capture.
func BadPlugins() []Bad {
	return []Bad{
		{"an uplink as tap NIC", addUplink},
		{"a guest's NIC as tap NIC", addGuestNIC},
		{"copies into a patch port of a production bridge", deliverToPatchPort},
		{"copies to a port that is not of the program", outputsTo(0x0fff)},
		{"a mirror of a port that no tap flow names", mirrorAnotherPort},
		{"a mirror of a whole switch that no tap flow asks for", mirrorEverything},
		{"a mirror of a VLAN that no tap flow names", mirrorAnotherVLAN},
		{"copies to an address that is no host's", sendToStranger},
		{"copies with the key of another service", sendWithAnotherKey},
		{"copies to a remote collector that no tap flow feeds", sendToCollector},
		{"keep-alives to an address that is no collector's", keepStrangerAlive},
		{"a hash into the mark that says whose a packet is", hashIntoMetadata},
		{"copies to the switch itself", outputsTo(0xfffffffe)},
		{"copies to the ordinary switch", outputsTo(0xfffffffa)},
		{"copies to the controller", outputsTo(0xfffffffd)},
		{"copies to the controller's connection for captures",
			sendToController(tap.PacketInID, tap.PacketInTimeout)},
		{"packets of all captures in one flow", deliverEverything},
		{"packets of a stranger", receiveFromStranger},
		{"probes to an address that is no host's", probeStranger},
		{"a tunnel with somebody else's address", tunnelOfStranger},
		{"a meter that copies meet beside the original", meterBeside(false)},
		{"a meter in the guard's table, for all captures", meterBeside(true)},
		{"a meter of somebody else", useMeter(77)},
		{"a truncated output outside a clone", cutOutside},
		{"a bucket that outputs", groupOf(action.Output{Port: 5})},
		{"a bucket that cuts", groupOf(action.OutputTrunc{Port: 5, MaxLen: 64})},
		{"a bucket that leads back to the guard",
			groupOf(action.Resubmit{InPort: openflow.PortInPort, Table: 1})},
		{"a bucket that takes packets for those of another port",
			groupOf(action.Resubmit{InPort: 1, Table: 8})},
		{"a group of somebody else", useGroup(77)},
		{"3,000 groups", func(p *tap.Program) { addGroups(p, 3_000) }},
		{"3,000 meters", func(p *tap.Program) { addMeters(p, 3_000) }},
		{"a group of 2,000 buckets", func(p *tap.Program) { addBuckets(p, 2_000) }},
		{"300,000 flows", func(p *tap.Program) { addFlows(p, 300_000) }},
		{"70,000 ports", func(p *tap.Program) { addPorts(p, 70_000) }},
	}
}

// owner is an owner of the program's objects.
func owner(p *tap.Program) string {
	if len(p.Mirrors) > 0 {
		return p.Mirrors[0].Owner
	}
	return tap.OwnerBridge
}

// deliverTo makes all outputs of the program go to a port.
func deliverTo(p *tap.Program, port uint32) {
	alter(p, func(a action.Action) action.Action {
		switch a := a.(type) {
		case action.Output:
			return action.Output{Port: openflow.PortNo(port)}
		case action.OutputTrunc:
			return action.OutputTrunc{Port: openflow.PortNo(port), MaxLen: a.MaxLen}
		}
		return a
	})
}

// alter changes the actions of all flows, those inside clones too.
func alter(p *tap.Program, change func(action.Action) action.Action) {
	p.Flows = slices.Clone(p.Flows)
	for i := range p.Flows {
		mod := &p.Flows[i].Mod
		mod.Instructions = slices.Clone(mod.Instructions)
		for j, instruction := range mod.Instructions {
			if apply, is := instruction.(action.ApplyActions); is {
				mod.Instructions[j] = action.ApplyActions(altered(apply, change))
			}
		}
	}
}

func altered(actions []action.Action, change func(action.Action) action.Action) []action.Action {
	out := make([]action.Action, len(actions))
	for i, a := range actions {
		if clone, is := a.(action.Clone); is {
			a = action.Clone{Actions: altered(clone.Actions, change)}
		}
		out[i] = change(a)
	}
	return out
}

// Spoiled is a plugin whose programs with a capture are spoiled.
func Spoiled(m plugin.Mirror, bad Bad) plugin.Mirror { return spoiled{m, bad} }

type spoiled struct {
	plugin.Mirror
	bad Bad
}

// Run implements [plugin.Mirror].
func (s spoiled) Run(
	ctx context.Context, changes <-chan tap.Change, emit func(tap.Result) error,
) error {
	return s.Mirror.Run(ctx, changes, func(r tap.Result) error {
		r.Programs = slices.Clone(r.Programs)
		for i := range r.Programs {
			if p := &r.Programs[i]; len(p.Mirrors) > 0 {
				p.Ports, p.Mirrors = slices.Clone(p.Ports), slices.Clone(p.Mirrors)
				p.Flows = slices.Clone(p.Flows)
				p.Groups, p.Meters = slices.Clone(p.Groups), slices.Clone(p.Meters)
				s.bad.Spoil(p)
			}
		}
		return emit(r)
	})
}
