package link

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// A switch tells controllers apart by role (OpenFlow 1.3.5, 6.3.6). A connection is used as master
// alone, with the epoch of the host as generation id: the switch then refuses what an earlier
// master has sent or sends, even if it lay in a socket meanwhile. It is asked before anything is
// written, together with the flows, which costs no round trip. Nobody is asked to be equal: an
// equal controller writes beside a master, whatever its generation.

// lead is who may use the OpenFlow connections of a host. Guarded by the link's mu.
type lead struct {
	epoch   uint64        // of the host; 0: no connection may be used
	changed chan struct{} // closed when one of these changes; nil while nobody waits

	outranked  bool   // the switch has, or had, another master
	generation uint64 // of that one

	asked   uint64  // number of the last connection by which we asked to be master
	waiting *Switch // known to be the host's, and waits for the epoch
}

// errOutranked says that the switch has had a master of a newer generation.
var errOutranked = errors.New("the switch knows a newer master")

// Lead has OpenFlow connections used, as master with an epoch. One that is used with another epoch
// is closed.
func (l *Link) Lead(n uint64) {
	l.mu.Lock()
	if l.lead.outranked && epoch.Newer(n, l.lead.generation) {
		l.lead.outranked = false
	}
	l.lead.epoch = n
	l.leadChangedLocked()
	older := l.current
	if older != nil && older.generation == n {
		older = nil
	}
	l.mu.Unlock()

	if older != nil {
		_ = older.Conn.Close() // It returns nil.
	}
}

// StandBack closes the OpenFlow connections in use, and has none used until [Link.Lead].
func (l *Link) StandBack() {
	l.mu.Lock()
	l.lead.epoch = 0
	used := []*Switch{l.current, l.copies}
	l.current, l.copies = nil, nil
	l.mu.Unlock()

	for _, sw := range used {
		if sw != nil {
			_ = sw.Conn.Close() // It returns nil.
		}
	}
}

// Outranked reports whether another controller has become master of the tap bridge, and with which
// generation id. It holds until [Link.Lead] is called with a newer one.
func (l *Link) Outranked() (generation uint64, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lead.generation, l.lead.outranked
}

// Connected reports whether a switch that claims to be the host's has an OpenFlow connection to us,
// used or not.
func (l *Link) Connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current != nil || l.lead.waiting != nil || len(l.arrivals)+len(l.unverified) > 0
}

func (l *Link) leadChangedLocked() {
	if l.lead.changed != nil {
		close(l.lead.changed)
		l.lead.changed = nil
	}
}

// awaitLead waits until a connection may be used, and returns the epoch to use it with. Of several
// that wait, the newest does.
func (l *Link) awaitLead(ctx context.Context, sw *Switch) (uint64, error) {
	l.mu.Lock()
	if older := l.lead.waiting; older != nil {
		defer older.Conn.Close() // It returns nil.
	}
	l.lead.waiting = sw
	l.mu.Unlock()

	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.lead.waiting == sw {
			l.lead.waiting = nil
		}
	}()

	for {
		n, changed, err := l.mayLead(sw)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-changed:
		case <-sw.Conn.Done():
			return 0, sw.Conn.Err()
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// mayLead returns the epoch with which a connection is used now, or 0 and what is closed when that
// may be another one.
func (l *Link) mayLead(sw *Switch) (n uint64, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.closed {
		return 0, nil, errClosed
	}
	if l.lead.epoch > 0 && !l.lead.outranked {
		l.lead.asked, sw.generation = sw.number, l.lead.epoch
		return l.lead.epoch, nil, nil
	}
	if l.lead.changed == nil {
		l.lead.changed = make(chan struct{})
	}
	return 0, l.lead.changed, nil
}

// readAsMaster asks the switch to take us for its master and, without waiting for the answer, reads
// what it holds. It returns once both are answered.
func (l *Link) readAsMaster(ctx context.Context, sw *Switch, n uint64) (polled bool, err error) {
	asked, err := sw.Conn.Ask(ctx,
		&openflow.RoleRequest{Role: openflow.RoleMaster, GenerationID: n})
	if err != nil {
		return false, err
	}
	if polled, err = sw.readFlows(ctx); err != nil {
		return false, err
	}

	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_, err = asked.Wait(ctx)
	var refused *ofconn.RequestError
	if errors.As(err, &refused) && refused.Reply.ErrType == openflow.ErrorRoleRequestFailed &&
		refused.Reply.Code == openflow.RoleStale {
		return false, l.noteStale(ctx, sw)
	}
	if err != nil {
		return false, fmt.Errorf("become master: %w", err)
	}
	return polled, nil
}

// noteStale asks the switch for the generation that it takes for newer than ours.
func (l *Link) noteStale(ctx context.Context, sw *Switch) error {
	reply, err := sw.Conn.Request(ctx, &openflow.RoleRequest{Role: openflow.RoleNoChange})
	if err != nil {
		return fmt.Errorf("read the role: %w", err)
	}
	role, is := reply.(*openflow.RoleReply)
	if !is {
		return fmt.Errorf("read the role: the answer is a %T", reply)
	}

	l.noteMaster(sw, role.GenerationID)
	return fmt.Errorf("%w: generation %d, and this one is %d", errOutranked, role.GenerationID,
		sw.generation)
}

// noteMaster notes that the switch has another master than a connection of ours, unless that is a
// newer connection of ours.
func (l *Link) noteMaster(sw *Switch, generation uint64) {
	l.mu.Lock()
	if sw.number == l.lead.asked && sw.generation == l.lead.epoch {
		l.lead.outranked, l.lead.generation = true, generation
	}
	l.mu.Unlock()
	l.config.Wake()
}

// demoted closes a connection that the switch has made a slave: it may read alone.
func (l *Link) demoted(sw *Switch, generation uint64) {
	l.noteMaster(sw, generation)
	_ = sw.Conn.Close() // It returns nil.
}
