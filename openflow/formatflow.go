package openflow

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// Selector returns table, priority and match, by which a flow differs from all others of a switch,
// as ovs-ofctl(8) prints them.
func (m *FlowMod) Selector() string {
	var s strings.Builder
	writeFlow(&s, m.Table, m.Priority, m.Match)

	return s.String()
}

// String writes the flow of the message in the syntax that "ovs-ofctl
// add-flow" reads, without its command.
func (m *FlowMod) String() string {
	var s strings.Builder
	writeFlow(&s, m.Table, m.Priority, m.Match)

	if m.CookieMask != 0 {
		fmt.Fprintf(&s, ",cookie=%v/%v", m.Cookie, m.CookieMask)
	} else {
		fmt.Fprintf(&s, ",cookie=%v", m.Cookie)
	}

	writeTimeouts(&s, m.IdleTimeout, m.HardTimeout, m.Flags)

	if m.OutPort != 0 {
		fmt.Fprintf(&s, ",out_port=%v", m.OutPort)
	}

	if id, ok := m.OutGroup.Group(); ok {
		fmt.Fprintf(&s, ",out_group=%d", id)
	}

	if m.Command != FlowDelete && m.Command != FlowDeleteStrict {
		s.WriteString(",actions=" + joinInstructions(m.Instructions))
	}

	return s.String()
}

// String writes the flow in the syntax of "ovs-ofctl dump-flows".
func (f FlowStats) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "cookie=%v,duration=%.3fs,n_packets=%d,n_bytes=%d,",
		f.Cookie, f.Duration.Seconds(), f.PacketCount, f.ByteCount)
	writeFlow(&s, f.Table, f.Priority, f.Match)
	writeTimeouts(&s, f.IdleTimeout, f.HardTimeout, f.Flags)
	s.WriteString(",actions=" + joinInstructions(f.Instructions))
	return s.String()
}

func writeFlow(s *strings.Builder, table TableID, priority uint16, match oxm.Match) {
	fmt.Fprintf(s, "table=%d,priority=%d", table, priority)
	if len(match) > 0 {
		s.WriteString("," + match.String())
	}
}

var flowFlagNames = []string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts",
	"no_byte_counts"}

func writeTimeouts(s *strings.Builder, idle, hard uint16, flags FlowFlags) {
	if idle != 0 {
		fmt.Fprintf(s, ",idle_timeout=%d", idle)
	}

	if hard != 0 {
		fmt.Fprintf(s, ",hard_timeout=%d", hard)
	}

	for i, name := range flowFlagNames {
		if flags&(1<<i) != 0 {
			s.WriteString("," + name)
		}
	}
}

func joinInstructions(list []action.Instruction) string {
	var parts []string
	for _, i := range list {
		if text := i.String(); text != "" {
			parts = append(parts, text)
		}
	}

	if len(parts) == 0 {
		return "drop"
	}

	return strings.Join(parts, ",")
}
