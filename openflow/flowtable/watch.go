package flowtable

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// monitorID is the id of the flow monitor of Watch. Ids are of one connection,
// which has one owner.
const monitorID = 1

// Watch asks the switch to report the changes that other connections make to any flow of the
// bridge, and expiries (ONF EXT-187, flow monitor). It returns the flows at the instant from which
// changes are reported, without counters, ages and flags. Updates then arrive in conn.Events; use
// [Updates] to get them from an event.
//
// Changes of this connection are reported as openflow.FlowAbbrev, that is, without the flow. If the
// switch has no flow monitor, the error is [ErrUnsupported]; the caller may [Dump] on a timer
// instead.
func Watch(ctx context.Context, conn *ofconn.Conn) ([]openflow.FlowStats, error) {
	updates, err := ofconn.List[openflow.FlowMonitorReply](ctx, conn, openflow.FlowMonitorRequest{
		ID: monitorID,
		Flags: openflow.MonitorInitial | openflow.MonitorAdd | openflow.MonitorDelete |
			openflow.MonitorModify | openflow.MonitorActions,
		Table: openflow.TableAll,
	})

	var refused *ofconn.RequestError
	if errors.As(err, &refused) && isUnsupported(refused.Reply) {
		return nil, fmt.Errorf("watch flows: %w: %w", ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("watch flows: %w", err)
	}

	flows := make([]openflow.FlowStats, 0, len(updates))
	for _, u := range updates {
		if u.Event == openflow.FlowAdded {
			flows = append(flows, openflow.FlowStats{
				Table: u.Table, Priority: u.Priority, Cookie: u.Cookie, Match: u.Match,
				IdleTimeout: u.IdleTimeout, HardTimeout: u.HardTimeout,
				Instructions: u.Instructions,
			})
		}
	}

	return flows, nil
}

// Updates returns the updates of a flow monitor that an event carries, if it
// is one. Updates for changes of this connection are left out.
func Updates(e ofconn.Event) []openflow.FlowUpdate {
	reply, ok := e.Message.(*openflow.MultipartReply)
	if !ok {
		return nil
	}

	all, ok := reply.Body.(openflow.FlowMonitorReply)
	if !ok {
		return nil
	}

	var foreign []openflow.FlowUpdate
	for _, u := range all {
		if u.Event != openflow.FlowAbbrev {
			foreign = append(foreign, u)
		}
	}

	return foreign
}

// Unwatch ends what Watch began. Updates that are under way still arrive.
func Unwatch(ctx context.Context, conn *ofconn.Conn) error {
	return conn.Send(ctx, &openflow.FlowMonitorCancel{ID: monitorID})
}
