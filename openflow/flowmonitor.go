package openflow

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

const onfFlowMonitor = 1870

// FlowMonitorFlags choose what a flow monitor reports (EXT-187).
type FlowMonitorFlags uint16

// Flags of a flow monitor.
const (
	MonitorInitial FlowMonitorFlags = 1 << 0 // The flows that exist now.
	MonitorAdd     FlowMonitorFlags = 1 << 1
	MonitorDelete  FlowMonitorFlags = 1 << 2
	MonitorModify  FlowMonitorFlags = 1 << 3
	MonitorActions FlowMonitorFlags = 1 << 4 // Include instructions.
	MonitorOwn     FlowMonitorFlags = 1 << 5 // Changes of this connection in full, not abbreviated.
)

// FlowMonitorRequest subscribes to changes of flows. The switch answers with a
// FlowMonitorReply of the initial flows, and from then on sends further
// replies with transaction id 0.
type FlowMonitorRequest struct {
	ID      uint32 // Chosen by the controller; unique on the connection.
	Flags   FlowMonitorFlags
	OutPort PortNo    // Only flows that output to it; zero is any.
	Table   TableID   // TableAll for all tables.
	Match   oxm.Match // Only flows that it includes; nil includes all.
}

func (FlowMonitorRequest) multipartType() MultipartType { return MultipartExperimenter }

// appendRequest appends
//
//	 0               1               2               3
//	+---------------------------------------------------------------+
//	|                              id                               |
//	+-------------------------------+-------------------------------+
//	|             flags             |           match_len           |
//	+-------------------------------+-------------------------------+
//	|                           out_port                            |
//	+---------------+-----------------------------------------------+
//	|   table_id    |                     zeros                     |
//	+---------------+-----------------------------------------------+
//	| ofp_match, padded                                             |
func (r FlowMonitorRequest) appendRequest(b []byte) ([]byte, error) {
	b = appendExperimenter(b, wire.ExperimenterONF, onfFlowMonitor)
	b = be.AppendUint32(b, r.ID)
	b = be.AppendUint16(b, uint16(r.Flags))
	lengthAt := len(b)
	b = be.AppendUint32(append(b, 0, 0), outPort(r.OutPort))
	b = append(b, byte(r.Table), 0, 0, 0)
	return appendMonitorMatch(b, r.Match, lengthAt)
}

// appendMonitorMatch appends an ofp_match. Its length, without padding, also
// goes to lengthAt.
func appendMonitorMatch(b []byte, m oxm.Match, lengthAt int) ([]byte, error) {
	start := len(b)
	b, err := oxm.AppendMatch(b, m)
	if err != nil {
		return b, err
	}

	copy(b[lengthAt:lengthAt+2], b[start+2:])
	return b, nil
}

// parseMonitorMatch reads an ofp_match whose length must be n.
func parseMonitorMatch(c *wire.Cursor, n uint16) oxm.Match {
	start := c.Pos()
	m := oxm.ParseMatch(c)
	if c.Err() == nil && be.Uint16(c.Message()[start+2:]) != n {
		c.Fail(start+2, "match_len",
			fmt.Errorf("%w: differs from that of the match, %d", wire.ErrLength, n))
	}

	return m
}

func parseFlowMonitorRequest(c *wire.Cursor) MultipartRequestBody {
	r := FlowMonitorRequest{ID: c.Uint32("id"), Flags: FlowMonitorFlags(c.Uint16("flags"))}
	n := c.Uint16("match_len")
	r.OutPort = parseOutPort(c)
	r.Table = TableID(c.Uint8("table_id"))
	c.Skip(3)
	r.Match = parseMonitorMatch(c, n)
	return r
}

// FlowEvent is what happened to a flow.
type FlowEvent uint16

// Events.
const (
	FlowAdded    FlowEvent = 0
	FlowDeleted  FlowEvent = 1
	FlowModified FlowEvent = 2
	FlowAbbrev   FlowEvent = 3 // A change by this connection; only XID is set.
)

// String names the event.
func (e FlowEvent) String() string {
	names := [...]string{"ADDED", "DELETED", "MODIFIED", "ABBREV"}
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("FlowEvent(%d)", uint16(e))
}

// FlowUpdate is one event of a flow monitor.
type FlowUpdate struct {
	Event        FlowEvent
	XID          uint32            // Of the message that changed the flow; FlowAbbrev only.
	Reason       FlowRemovedReason // FlowDeleted only.
	Priority     uint16
	IdleTimeout  uint16 // Seconds; 0 means never.
	HardTimeout  uint16 // Seconds; 0 means never.
	Table        TableID
	Cookie       Cookie
	Match        oxm.Match
	Instructions []action.Instruction // Nil unless asked for with MonitorActions.
}

// FlowMonitorReply is events of flow monitors, in order.
type FlowMonitorReply []FlowUpdate

func (FlowMonitorReply) multipartType() MultipartType { return MultipartExperimenter }

func (r FlowMonitorReply) appendReply(b []byte) ([]byte, error) {
	return appendList(appendExperimenter(b, wire.ExperimenterONF, onfFlowMonitor), r,
		appendFlowUpdate)
}

const (
	flowUpdateAbbrevLen = 8
	flowUpdateFullLen   = 24
)

func appendFlowUpdate(b []byte, u *FlowUpdate) ([]byte, error) {
	start := len(b)
	b = be.AppendUint16(append(b, 0, 0), uint16(u.Event))
	if u.Event == FlowAbbrev {
		b = be.AppendUint32(b, u.XID)
		return b, wire.PutLength(b, start, start, "flow_update")
	}

	b = be.AppendUint16(b, uint16(u.Reason))
	b = be.AppendUint16(b, u.Priority)
	b = be.AppendUint16(b, u.IdleTimeout)
	b = be.AppendUint16(b, u.HardTimeout)
	lengthAt := len(b)
	b = append(b, 0, 0, byte(u.Table), 0)
	b = be.AppendUint64(b, uint64(u.Cookie))
	b, err := appendMonitorMatch(b, u.Match, lengthAt)
	if err != nil {
		return b, err
	}
	if b, err = action.AppendInstructions(b, u.Instructions); err != nil {
		return b, err
	}

	return b, wire.PutLength(b, start, start, "flow_update")
}

func parseFlowUpdate(c *wire.Cursor) FlowUpdate {
	e := c.TLV(0, flowUpdateAbbrevLen, 8, "flow_update")
	e.Skip(2)
	u := FlowUpdate{Event: FlowEvent(e.Uint16("event"))}
	if u.Event > FlowAbbrev {
		c.Fail(e.Pos()-2, "event",
			fmt.Errorf("%w: %d, want 0 to %d", wire.ErrValue, u.Event, FlowAbbrev))
	}

	if u.Event == FlowAbbrev {
		u.XID = e.Uint32("xid")
		e.Done("flow_update")
		return u
	}

	u.Reason = FlowRemovedReason(e.Uint16("reason"))
	u.Priority = e.Uint16("priority")
	u.IdleTimeout = e.Uint16("idle_timeout")
	u.HardTimeout = e.Uint16("hard_timeout")
	n := e.Uint16("match_len")
	u.Table = TableID(e.Uint8("table_id"))
	e.Skip(1)
	u.Cookie = Cookie(e.Uint64("cookie"))
	u.Match = parseMonitorMatch(&e, n)
	u.Instructions = action.ParseInstructions(&e)
	return u
}

// FlowMonitorCancel ends a flow monitor.
type FlowMonitorCancel struct{ ID uint32 }

// Type implements [Message].
func (*FlowMonitorCancel) Type() Type { return TypeExperimenter }

func (m *FlowMonitorCancel) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = appendExperimenter(b, wire.ExperimenterONF, onfFlowMonitorCancel)
	return be.AppendUint32(b, m.ID), nil
}

func parseFlowMonitorCancel(c *wire.Cursor) Message {
	m := &FlowMonitorCancel{c.Uint32("id")}
	c.Done("body")
	return m
}

// FlowMonitorPaused says that the switch sends no events for now, because the connection does not
// read them fast enough.
type FlowMonitorPaused struct{}

// Type implements [Message].
func (*FlowMonitorPaused) Type() Type { return TypeExperimenter }

func (*FlowMonitorPaused) appendBody(b []byte, _ uint32) ([]byte, error) {
	return appendExperimenter(b, wire.ExperimenterONF, onfFlowMonitorPaused), nil
}

// FlowMonitorResumed ends a pause. Before it the switch has reported the outcome of all changes
// since FlowMonitorPaused; from now on events go on as before.
type FlowMonitorResumed struct{}

// Type implements [Message].
func (*FlowMonitorResumed) Type() Type { return TypeExperimenter }

func (*FlowMonitorResumed) appendBody(b []byte, _ uint32) ([]byte, error) {
	return appendExperimenter(b, wire.ExperimenterONF, onfFlowMonitorResumed), nil
}
