package flowtable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// maxAggregate is more than an aggregate reply has, in bytes.
const maxAggregate = 1 << 10

// Count returns how many flows a switch has, without their contents (OpenFlow 1.3.5, 7.3.5.3).
func Count(ctx context.Context, conn *ofconn.Conn) (uint32, error) {
	parts, err := conn.MultipartAtMost(ctx, openflow.AggregateRequest{Table: openflow.TableAll},
		maxAggregate)
	if err != nil {
		return 0, fmt.Errorf("count flows: %w", err)
	}

	for _, part := range parts {
		if sums, is := part.(openflow.AggregateReply); is {
			return sums.FlowCount, nil
		}
	}
	return 0, errors.New("count flows: the reply has no sums")
}

// WatchCount calls changed whenever a switch has another number of flows than before. It asks at
// each interval and ends with ctx, with the connection, or with a switch that does not answer; the
// error says which.
//
// It is for switches on which [Watch] is [ErrUnsupported]. Flows that are deleted or added are seen
// so, but not those that change.
func WatchCount(
	ctx context.Context, conn *ofconn.Conn, interval time.Duration, changed func(),
) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()

	last, err := Count(ctx, conn)
	for err == nil {
		select {
		case <-ticker.C:
		case <-conn.Done():
			return conn.Err()
		case <-ctx.Done():
			return ctx.Err()
		}

		var now uint32
		if now, err = Count(ctx, conn); err == nil && now != last {
			last = now
			changed()
		}
	}
	return err
}
