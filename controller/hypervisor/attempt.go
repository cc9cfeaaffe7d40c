package hypervisor

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// attempt records a step that was tried and is still needed.
type attempt struct {
	failures  int
	next      time.Time
	lastError string // "" if libvirt accepted the step, but the guest has not released the NIC yet
}

// try does one step. A running guest has to release a NIC before it is gone, so a detach step stays
// until a survey no longer finds the NIC, and is retried until then.
func (w *worker) try(ctx context.Context, s step, orders []Order) {
	var err error
	if s.detach {
		err = w.detach(ctx, s)
	} else {
		service, ordered := orderedService(orders, s.service)
		if !ordered {
			return
		}
		var text string
		if text, err = NICXML(service, w.cluster, w.config.TapBridge); err == nil {
			err = w.attach(ctx, s, text)
		}
	}

	if ctx.Err() != nil {
		return
	}

	log := w.log.With("tap_service", s.service, "guest", s.guest, "nic", s.dev,
		"scope", strings.TrimPrefix(string(s.scope), "--"))
	if err == nil && !s.detach {
		w.plugged(s)
		log.Info("NIC plugged")
		return
	}

	w.retryLater(s, err, log)
}

func (w *worker) detach(ctx context.Context, s step) error {
	_, err := w.virsh.run(ctx, w.config.Timing.Change, "",
		"detach-device-alias", s.domain, "--alias", s.alias, string(s.scope))
	return err
}

func (w *worker) attach(ctx context.Context, s step, nicXML string) error {
	_, err := w.virsh.run(ctx, w.config.Timing.Change, nicXML,
		"attach-device", s.domain, "/dev/stdin", string(s.scope))
	return err
}

// plugged notes that a NIC was attached.
func (w *worker) plugged(s step) {
	delete(w.attempts, s)
	if l := w.lostPorts[s.service]; l != nil && s.scope == scopeLive {
		l.repairs, l.since = l.repairs+1, time.Now()
	}
}

// retryLater schedules the next attempt of a step that failed, or that detaches a NIC. It logs what
// is new.
func (w *worker) retryLater(s step, err error, log *slog.Logger) {
	a := w.attempts[s]
	if a == nil {
		a = &attempt{}
		w.attempts[s] = a
	}

	a.failures++

	message := ""
	if err != nil {
		message = err.Error()
	}

	switch {
	case message != "" && message != a.lastError:
		log.Warn("cannot "+s.describe(), "error", message)
	case message == "" && a.failures == 1:
		log.Info("NIC unplugged")
	case message == "" && a.failures == 2:
		log.Warn("the guest does not release the NIC; nothing is delivered to it",
			"attempts", a.failures)
	}

	a.lastError = message

	// Two more than the failures: a guest gets some time to release a NIC.
	a.next = time.Now().Add(w.config.Timing.backoff(a.failures + 2))
}
