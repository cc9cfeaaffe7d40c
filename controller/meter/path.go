package meter

import (
	"cmp"
	"time"
)

// settle is how long after it was sent a packet has surely been counted at the other end, if it
// arrives. Open vSwitch adds up what its datapath has counted every half second at most
// (max-revalidator, ovs-vswitchd.conf.db(5)).
const settle = 2 * time.Second

// together is how much later than the source's flows those of the destination may be written by one
// change.
const together = 250 * time.Millisecond

// tunnelPath is the tunnel from one host to one service. What is lost on it is what was sent until
// some moment and has not arrived settle later. That is never too much, however far apart the two
// switches are read, and exact once the traffic pauses.
type tunnelPath struct {
	feeders map[captureKey]*capture // as of the last reading of the source
	// of the one feeder, also after it is gone; nil if there are several
	flows    []string
	early    Count     // arrived before it was known which flows feed this path
	receiver streamKey // of the destination

	sent, received end
	exact          bool // base is where both ends counted the same packets from
	base           struct{ sent, received Count }
	lost           Count // since base

	// merging is set where what is missing may be merged as well as lost: see beyondMerging.
	merging bool
	// Of the routes at both ends:
	kernel, resized bool
	largest         int64 // frame of the source in octets; 0 before it was read

	marks []mark // readings of the source, oldest first; the first is settled, or there is one only
	pivot *mark  // of the destination, while a new base is sought
}

// end is one end of a path.
type end struct {
	total   Count
	at      time.Time // of the last reading
	seen    bool      // its flows are there
	written time.Time // when they were
	start   Count     // total at that time
}

// mark is a total, when it was read, and what had arrived until then.
type mark struct {
	at             time.Time
	total, arrived Count
}

// begin notes that an end's flows count from 0, since they were written.
func (w *tunnelPath) begin(e *end, written time.Time) {
	e.seen, e.written, e.start = true, written, e.total
	w.exact, w.pivot, w.marks = false, nil, nil
	if !w.sent.seen || !w.received.seen {
		return
	}
	// Written together, both count the same packets. Where the destination's were written
	// noticeably later, it had counted some of the packets before; where much earlier, it had
	// counted others.
	if later := w.received.written.Sub(w.sent.written); -settle <= later && later <= together {
		w.rebase(w.sent.start, w.received.start)
	}
}

func (w *tunnelPath) rebase(sent, received Count) {
	w.exact, w.lost, w.pivot = true, Count{}, nil
	w.base.sent, w.base.received = sent, received
}

// gone notes that an end's flows are no longer there.
func (w *tunnelPath) gone(e *end) {
	e.seen, w.exact, w.pivot, w.marks = false, false, nil, nil
}

// sample takes a reading of the source.
func (w *tunnelPath) sample(at time.Time) {
	w.sent.at = at
	if !w.exact && w.pivot != nil && at.Sub(w.pivot.at) >= settle {
		// What is counted as sent from now on was sent after the destination was read, so nothing
		// is missing there.
		w.rebase(w.sent.total, w.pivot.total)
	}

	w.marks = append(w.marks, mark{at, w.sent.total, w.received.total})
	for len(w.marks) > 1 && at.Sub(w.marks[1].at) >= settle {
		w.marks = w.marks[1:]
	}
}

// arrived takes a reading of the destination, and returns what is lost more than was known.
func (w *tunnelPath) arrived(at time.Time) (more Count) {
	w.received.at = at
	if !w.exact {
		if w.pivot == nil {
			w.pivot = &mark{at: at, total: w.received.total}
		}
		return Count{}
	}

	for _, m := range w.marks {
		if at.Sub(m.at) >= settle {
			lost := w.missing(m)
			more = more.plus(lost.minus(w.lost))
			w.lost = w.lost.plus(lost.minus(w.lost))
		}
	}

	return more
}

// missing returns what was sent until a mark and has not arrived, or where switches merge packets,
// what of it merging cannot explain.
func (w *tunnelPath) missing(m mark) Count {
	sent, received := m.total.minus(w.base.sent), w.received.total.minus(w.base.received)
	lost := sent.minus(received)
	if !w.kernel || received.Packets == 0 {
		if lost.Packets == 0 {
			lost.Bytes = 0 // Copies that were cut to fit arrive with fewer bytes.
		}
		return lost
	}

	missing := sent.less(received)
	late := w.received.total.minus(m.arrived).Packets
	largest := cmp.Or(w.largest, largestFrame)
	var beyond, most Count // most: if nothing is on its way
	if !w.resized {
		beyond = beyondMerging(sent, missing, late, largest)
		most = beyondMerging(sent, missing, 0, largest)
	}

	// Fewer are lost than are missing: they are merged. More arrive than were sent: divided.
	merged := missing.packets >= 0 && most.Packets != lost.Packets
	divided := missing.packets+int64(late) < 0
	w.merging = w.merging || merged || divided
	if missing == (difference{}) {
		w.merging = false // Both ends have counted the same: one was read before it was complete.
	}
	return beyond
}

// route notes what a route says of one end. How large frames may be, the source's end says alone.
func (w *tunnelPath) route(r Route) {
	w.kernel, w.resized = w.kernel || r.Kernel, w.resized || r.Resized
	if r.Receives {
		return
	}
	w.largest = max(w.largest, cmp.Or(int64(r.Largest), largestFrame))
}
