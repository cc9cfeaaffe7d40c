package action

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// String implements [Action].
func (a Output) String() string {
	if a.Port == wire.PortController {
		return fmt.Sprintf("CONTROLLER:%d", a.MaxLen)
	}
	return "output:" + a.Port.String()
}

// String implements [Action].
func (a SetField) String() string { return "set_field:" + a.Field.Assignment() }

// String implements [Action].
func (a Group) String() string { return fmt.Sprintf("group:%d", a.ID) }

// String implements [Action].
func (a SetQueue) String() string { return fmt.Sprintf("set_queue:%d", a.Queue) }

// String implements [Action].
func (a PushVLAN) String() string { return fmt.Sprintf("push_vlan:%#04x", a.EtherType) }

// String implements [Action].
func (PopVLAN) String() string { return "pop_vlan" }

// String implements [Action].
func (a PushMPLS) String() string { return fmt.Sprintf("push_mpls:%#04x", a.EtherType) }

// String implements [Action].
func (a PopMPLS) String() string { return fmt.Sprintf("pop_mpls:%#04x", a.EtherType) }

// String implements [Action].
func (a PushPBB) String() string { return fmt.Sprintf("push_pbb:%#04x", a.EtherType) }

// String implements [Action].
func (PopPBB) String() string { return "pop_pbb" }

// String implements [Action].
func (a SetMPLSTTL) String() string { return fmt.Sprintf("set_mpls_ttl(%d)", a.TTL) }

// String implements [Action].
func (DecMPLSTTL) String() string { return "dec_mpls_ttl" }

// String implements [Action].
func (a SetTTL) String() string { return fmt.Sprintf("mod_nw_ttl:%d", a.TTL) }

// String implements [Action].
func (DecTTL) String() string { return "dec_ttl" }

// String implements [Action].
func (CopyTTLOut) String() string { return "copy_ttl_out" }

// String implements [Action].
func (CopyTTLIn) String() string { return "copy_ttl_in" }

// String implements [Action].
func (a RawAction) String() string {
	return fmt.Sprintf("raw(type=%d,data=%x)", a.Type, a.Data)
}

// String implements [Action].
func (a Resubmit) String() string {
	port, table := "", ""
	if a.InPort != wire.PortInPort {
		port = a.InPort.String()
	}

	if a.Table != wire.TableAll {
		table = strconv.Itoa(int(a.Table))
	}

	return "resubmit(" + port + "," + table + ")"
}

// String implements [Action].
func (a OutputReg) String() string { return "output:" + a.Source.String() }

// String implements [Action].
func (a OutputTrunc) String() string {
	return fmt.Sprintf("output(port=%v,max_len=%d)", a.Port, a.MaxLen)
}

// String implements [Action].
func (a RegLoad) String() string { return fmt.Sprintf("load:%#x->%v", a.Value, a.Dst) }

// String implements [Action].
func (a RegMove) String() string { return fmt.Sprintf("move:%v->%v", a.Src, a.Dst) }

// String implements [Action].
func (a Clone) String() string { return "clone(" + joinActions(a.Actions) + ")" }

// String implements [Action].
func (a Conjunction) String() string {
	return fmt.Sprintf("conjunction(%d,%d/%d)", a.ID, a.Clause, a.Clauses)
}

// String implements [Action].
func (a Controller) String() string {
	reasons := [...]string{"no_match", "action", "invalid_ttl"}
	var parts []string
	switch {
	case int(a.Reason) >= len(reasons):
		parts = append(parts, fmt.Sprintf("reason=%d", a.Reason))
	case a.Reason != ReasonAction:
		parts = append(parts, "reason="+reasons[a.Reason])
	}

	if a.MaxLen != 0xffff {
		parts = append(parts, fmt.Sprintf("max_len=%d", a.MaxLen))
	}
	if a.ID != 0 {
		parts = append(parts, fmt.Sprintf("id=%d", a.ID))
	}
	return "controller(" + strings.Join(parts, ",") + ")"
}

// String implements [Action]. The specs are written in hexadecimal, which
// ovs-ofctl does not read.
func (a Learn) String() string {
	return fmt.Sprintf("learn(table=%d,idle_timeout=%d,hard_timeout=%d,priority=%d,cookie=%v,"+
		"specs=%x)",
		a.Table, a.IdleTimeout, a.HardTimeout, a.Priority, a.Cookie, a.Specs)
}

// String implements [Action].
func (Exit) String() string { return "exit" }

func joinActions(actions []Action) string {
	parts := make([]string, len(actions))
	for i, a := range actions {
		parts[i] = a.String()
	}
	return strings.Join(parts, ",")
}

// String implements [Instruction].
func (i GotoTable) String() string { return fmt.Sprintf("goto_table:%d", i.Table) }

// String implements [Instruction].
func (i WriteMetadata) String() string {
	return fmt.Sprintf("write_metadata:%#x/%#x", i.Value, i.Mask)
}

// String implements [Instruction].
func (i WriteActions) String() string { return "write_actions(" + joinActions(i) + ")" }

// String implements [Instruction].
func (i ApplyActions) String() string { return joinActions(i) }

// String implements [Instruction].
func (ClearActions) String() string { return "clear_actions" }

// String implements [Instruction].
func (i Meter) String() string { return fmt.Sprintf("meter:%d", i.ID) }

// String implements [Instruction].
func (i RawInstruction) String() string {
	return fmt.Sprintf("raw(type=%d,data=%x)", i.Type, i.Data)
}
