package reconcile

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	probeMagic = 0x7470 << 48 // "tp"

	// ProbeEtherType and KeepAliveEtherType are the two that IEEE 802 leaves for local experiments
	// (IEEE 802, 9.2.4).
	ProbeEtherType     = 0x88b5
	KeepAliveEtherType = 0x88b6

	probePriority = 0xffff
	probeMaxLen   = 128 // of what reaches the controller; only the beginning counts
)

// Probes are the controller's own flows of a tap bridge: each sends the probes of one known sender,
// and nothing else, to the controller (see package session). They are immutable.
type Probes struct {
	senders []tap.Sender
	numbers []openflow.PortNo // of the senders' ports, in their order
	flows   []flowtable.Flow
	pending bool // a tunnel port has no number yet
}

// NewProbes returns the flows for the senders of a program. number is the OpenFlow number of a
// tunnel port, or 0 while it has none. It returns before if nothing has changed; before may be nil.
func NewProbes(
	senders []tap.Sender, number func(port string) openflow.PortNo, before *Probes,
) *Probes {
	p := &Probes{senders: senders}
	for _, s := range senders {
		p.numbers = append(p.numbers, number(s.Port))
	}

	if before != nil && slices.Equal(p.senders, before.senders) &&
		slices.Equal(p.numbers, before.numbers) {
		return before
	}

	for i, s := range senders {
		if p.numbers[i] == 0 {
			p.pending = true
			continue
		}
		p.flows = append(p.flows, probeFlow(p.numbers[i], s))
	}

	return p
}

// probeFlow sends the probes of one host to the controller.
func probeFlow(in openflow.PortNo, from tap.Sender) flowtable.Flow {
	return flowtable.Flow{
		Priority: probePriority, Cookie: probeMagic,
		Match: oxm.Match{
			oxm.InPort(in), oxm.EthType(ProbeEtherType),
			oxm.TunnelID(uint64(from.ProbeKey)), oxm.TunSrc(from.Addr),
		},
		Instructions: []action.Instruction{action.ApplyActions{
			action.Output{Port: openflow.PortController, MaxLen: probeMaxLen},
		}},
	}
}

// IsProbe reports whether a packet came by a probe flow.
func IsProbe(p *openflow.PacketIn) bool { return p.Cookie == probeMagic }

// isProbeFlow reports whether a flow that stands is one of the controller's own.
func isProbeFlow(f *openflow.FlowStats) bool {
	return f.Cookie == probeMagic && f.Priority == probePriority && f.Table == 0
}
