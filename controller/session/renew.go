package session

import (
	"context"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
)

// renewTime is how often a flow is renewed that expires by itself, see [tap.PacketInTimeout].
const renewTime = 20 * time.Second

// renewals say when the expiring flows of one OpenFlow connection were renewed last. The zero value
// is ready for use.
type renewals struct {
	of   *switchFlows
	last map[flowtable.Key]time.Time
}

// due returns the messages that renew those of the expiring flows that stand and are due, and when
// the next one will be; zero for never. What stands on a new connection is due at once.
func (r *renewals) due(
	of *switchFlows, flows []reconcile.Expiring, stands func(owner string) bool, now time.Time,
) (mods []openflow.Message, next time.Time) {
	before := *r
	*r = renewals{of: of, last: make(map[flowtable.Key]time.Time, len(flows))}
	for i := range flows {
		flow := &flows[i]
		if !stands(flow.Owner) {
			continue
		}

		key := flow.Flow.Key()
		last, known := before.last[key]
		if before.of != of || known && !now.Before(last.Add(renewTime)) {
			mod := flow.Flow.Add()
			mods, known = append(mods, &mod), false
		}
		if !known {
			last = now
		}

		r.last[key] = last
		next = earliest(next, last.Add(renewTime))
	}
	return mods, next
}

// renew adds the expiring flows that stand once more, which starts their timeouts anew and keeps
// what they have counted. One that has expired is added by the comparison like any other.
func (x *step) renew(ctx context.Context) {
	if x.of == nil {
		return
	}

	silenced := x.silence.Owners()
	stands := func(owner string) bool { return !x.missing.Outstanding[owner] && !silenced[owner] }
	mods, next := x.renewals.due(x.of, x.desired.Expiring(), stands, time.Now())
	x.lookAgain(next)
	if err := x.of.sw.Conn.Send(ctx, mods...); err != nil {
		x.abandonSwitch() // It has ended.
	}
}
