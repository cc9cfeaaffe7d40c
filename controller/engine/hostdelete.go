package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// A host that is deleted stays in the store, marked, until everything of ours was taken off its
// switch. Such a tombstone outlives the controller: its session goes on trying to reach the host.

// unplugTime is how long the deletion of a host waits for its hypervisor to be done with tap NICs.
const unplugTime = 10 * time.Second

// DeleteHost takes everything of ours off a host that nothing refers to, and forgets it then. It
// waits a while for tap NICs that are being plugged or unplugged there, as after the deletion of a
// service. A host that cannot be reached, and may have something of ours, is deleted by force
// alone: it stays with the state deleting until it returns and is cleaned.
func (e *Engine) DeleteHost(ctx context.Context, name string, ifRevision uint64, force bool) error {
	if err := e.untilUnplugged(ctx, name); err != nil {
		return err
	}

	e.write.Lock()
	defer e.write.Unlock()

	if isDeleting(e, e.intent.Hosts, name) {
		return nil
	}

	before, h, err := begin(e, e.intent.Hosts, name, ifRevision)
	if err != nil {
		return err
	}

	if err := e.locked(func() error { return e.checker.HostFree(before) }); err != nil {
		return err
	}

	stays, reachable := e.mayHaveOurs(before)
	if stays && !reachable && !force {
		return &view.Error{Kind: view.Conflict, Code: view.CodeHostUnreachable,
			Message: fmt.Sprintf("host %s cannot be reached, "+
				"and what it has of ours may copy on; delete it with force (--force) to have it "+
				"cleaned when it returns", h.Name)}
	}
	if err := e.storeHostDeletion(ctx, &h, before, stays); err != nil {
		return err
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	if stays {
		e.retire(&h)
	} else {
		e.removeHost(before)
	}

	return nil
}

// mayHaveOurs reports whether a host's switch may have something of ours, and whether it can be
// reached. One that was registered since the controller started, and never reached, has nothing. It
// takes mu.
func (e *Engine) mayHaveOurs(record *store.Host) (stays, reachable bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.config.imagined {
		return false, false
	}
	return e.fleet.MayHaveOurs(record, e.started)
}

// storeHostDeletion commits the deletion of a host: as a tombstone, or for good.
func (e *Engine) storeHostDeletion(ctx context.Context, h, before *store.Host, stays bool) error {
	if !stays {
		return erase(ctx, e, e.intent.Hosts, before, e.commit)
	}
	return markDeleted(ctx, e, e.intent.Hosts, h, before, nil, e.commit)
}

// retire takes over that a host was marked as deleted: nothing is planned for it any more, and its
// session takes everything of ours off. The caller holds mu.
func (e *Engine) retire(record *store.Host) {
	e.intent.Hosts.Put(record)
	running := e.fleet.Running[record.ID]
	e.stopHost(running)
	e.fleet.Retire(running)
	e.standing.AddHost(&running.Host)
	e.publish.HostHealth(running)
}

// removeHost takes over that a host was erased from the store. The caller holds mu.
func (e *Engine) removeHost(record *store.Host) {
	v := e.present.Host(record)
	if running := e.fleet.Running[record.ID]; running != nil {
		e.stopHost(running)
		running.Stop()
	}

	e.standing.RemoveHost(record.ID)
	e.fleet.Abandon(record.ID)
	e.fleet.Lessons.Learn(record.ID, store.Learned{})
	e.intent.Hosts.Remove(record.ID)
	e.events.Publish(events.Event{Type: "deleted", Host: &v})
	e.wakeLeft()
}

// stripped erases a deleted host from which everything of ours was taken. It is called by the
// goroutine of its session.
func (e *Engine) stripped(h *fleet.Host) {
	e.write.Lock()
	defer e.write.Unlock()

	e.mu.Lock()
	record, ctx := e.intent.Hosts.ByID[h.ID], e.ctx
	ours := e.fleet.Retiring(h.ID) == h && record != nil
	e.mu.Unlock()
	if !ours {
		return // It was registered again.
	}

	for {
		_, err := e.commit(ctx, store.Op{Kind: store.KindHost, ID: h.ID,
			IfRevision: record.Revision})
		if err == nil {
			break
		}

		if ctx.Err() != nil {
			return // The tombstone is there at the next start, and finds nothing to clean.
		}

		e.log.Error("a deleted host could not be erased; it is tried again", "host", record.Name,
			"error", err)
		select {
		case <-ctx.Done():
		case <-time.After(finishRetry):
		}
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	e.removeHost(record)
}

// abandonTombstone ends the session of a deleted host that is registered again, which adopts what
// stands. The caller holds mu.
func (e *Engine) abandonTombstone(record *store.Host) {
	if e.fleet.Abandon(record.ID) {
		e.standing.RemoveHost(record.ID)
	}
}

// untilUnplugged waits until the hypervisor of a host that can be deleted has carried out its
// orders.
func (e *Engine) untilUnplugged(ctx context.Context, name string) error {
	id, free := e.deletable(name)
	if !free {
		return nil // Which is refused anyway.
	}

	ctx, cancel := context.WithTimeout(ctx, unplugTime)
	defer cancel()
	for {
		changed, stopped := e.events.Changed(id)
		if stopped || !e.unplugging(id) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return view.Errorf(view.Conflict, "",
				"libvirt of host %s is still plugging or unplugging the NIC of a tap service; "+
					"try again in a moment", name)
		}
	}
}

// deletable resolves the id or name of a host to which nothing refers. It is false if there is
// none. It takes mu.
func (e *Engine) deletable(name string) (id string, free bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	id, known := e.checker.HostID(name)
	return id, known && e.checker.Unused(id, name) == nil
}

// unplugging reports whether a host's hypervisor is doing something on which it depends whether the
// host can be deleted.
func (e *Engine) unplugging(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.fleet.Unplugging(id, e.standing.OrderNumber())
}
