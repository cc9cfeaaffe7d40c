package session

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Tunnel paths are probed and kept alive all the time. Mostly that changes nothing that is known,
// and a step would only find so by comparing the whole host. So what is due is sent between steps,
// and a step follows where paths are not as the last one found them.

// tendSlack is how much earlier than due the probes and keep-alives of paths that work may be sent,
// together with others: that saves waking up for each.
const tendSlack = time.Second

// tending is what the last step found of the tunnel paths.
type tending struct {
	alarm   alarm // for what is due next
	program *reconcile.Desired
	waiting map[string]string     // owners whose path does not work, and why
	frames  map[netip.Addr]uint32 // see [Report].Paths
	cuts    map[netip.Addr]bool   // see [Report].Cuts
}

// tend sends the probes and keep-alives that are due, and reports whether a step is needed.
func (l *loop) tend(ctx context.Context) (stepNeeded bool) {
	desired, _ := l.s.current()
	sw, last := l.s.link.Switch(), &l.tending
	if sw == nil || l.s.flows == nil || sw != l.s.flows.sw || desired != last.program {
		return true
	}

	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	tunnel, snap, now := desired.Program.Tunnel, l.watcher.Snapshot(), time.Now()
	number := portNumbers(snap, desired.Program.Bridge.Name)

	waiting, next, err := l.s.paths.probe(ctx, sw.Conn, tunnel.Peers, number, now)
	unreached, _ := l.s.followCollectors(sw.Conn, snap, tunnel.Collectors, number)
	maps.Copy(waiting, unreached)
	frames, cuts := l.s.paths.frames(tunnel.Peers), l.s.cuts(tunnel.Peers)
	if !maps.Equal(waiting, last.waiting) || !maps.Equal(frames, last.frames) ||
		!maps.Equal(cuts, last.cuts) {
		return true
	}

	due := l.keepAlives.look(sw.Conn, snap, tunnel.Senders, number, now)
	if err == nil && len(due) > 0 {
		err = sw.Conn.Send(ctx, due...)
	}
	if err != nil {
		l.s.log.Debug("probes could not be sent", "error", err)
		return false // The connection has ended, which wakes us.
	}

	l.tendAgain(next)
	return false
}

// tendAgain sets the time of the next tending, by when the next probe is due; the zero time stands
// for never.
func (l *loop) tendAgain(probe time.Time) {
	l.tending.alarm.set(earliest(probe, l.keepAlives.next))
}

// alarm leaves a message in a channel at a time.
type alarm struct {
	to    chan<- struct{}
	timer *time.Timer // nil until it was set first
	isSet bool        // and not stopped since
}

// set sets the time anew; the zero time stands for never.
func (a *alarm) set(t time.Time) {
	a.stop()
	if t.IsZero() {
		return
	}

	a.isSet = true
	if a.timer == nil {
		a.timer = time.AfterFunc(time.Until(t), func() { notify(a.to) })
	} else {
		a.timer.Reset(time.Until(t))
	}
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.isSet = false
}

// portNumbers gives the OpenFlow numbers of a bridge's ports.
func portNumbers(snap *vswitch.Snapshot, bridge string) numberOf {
	return func(name string) openflow.PortNo {
		port, stands := snap.PortOnBridge(bridge, name)
		if !stands {
			return 0
		}
		for device := range snap.EachInterface(port) {
			return openflow.PortNo(max(0, device.OFPort))
		}
		return 0
	}
}
