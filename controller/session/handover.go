package session

import (
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// handoverTime bounds the steps between two programs. If they take longer, because a path does not
// work or a port has gone, the later program is applied as it is.
const handoverTime = time.Second

// handover is how the loop gets from one program to the next where captures hand over.
type handover struct {
	target *reconcile.Desired   // the program that is wanted
	stages []*reconcile.Desired // to be applied before it, one after the other
	until  time.Time
}

// stage returns what is to be applied now so that a program is reached.
func (h *handover) stage(wanted *reconcile.Desired, tapBridge string, now time.Time,
) *reconcile.Desired {
	if wanted != h.target {
		h.begin(wanted, tapBridge, now)
	}
	if len(h.stages) > 0 && now.Before(h.until) {
		return h.stages[0]
	}
	h.stages = nil
	return wanted
}

// begin plans the stages from what is applied now to a program.
func (h *handover) begin(wanted *reconcile.Desired, tapBridge string, now time.Time) {
	from := h.target
	if len(h.stages) > 0 {
		from = h.stages[0]
	}
	h.target, h.stages = wanted, nil
	if from == nil || wanted == nil {
		return
	}

	last := from
	for _, p := range reconcile.Handover(from.Program, wanted.Program) {
		d, err := last.Next(p, tapBridge)
		if err != nil {
			h.stages = nil // The two programs cannot stand side by side.
			return
		}
		h.stages, last = append(h.stages, d), d
	}
	h.until = now.Add(handoverTime)
}

// underWay reports whether something else is applied than what is wanted.
func (h *handover) underWay() bool { return len(h.stages) > 0 }

// advance goes on to the next stage once this one stands.
func (h *handover) advance() { h.stages = h.stages[1:] }

// advanceHandover goes on to the next stage of a handover once the switch has applied this one and
// has gone through its cache.
func (x *step) advanceHandover() {
	x.busy = true
	x.lookAgain(x.handover.until)
	if x.rows.Txn.Empty() && x.missing.Empty() && !x.ledger.Busy() && x.of != nil {
		x.handover.advance()
		x.lookAgain(time.Now())
	}
}
