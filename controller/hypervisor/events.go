package hypervisor

import (
	"bufio"
	"context"
	"regexp"
	"sync/atomic"
	"time"
)

// seeing says whether events come.
type seeing = atomic.Bool

// telling are the events after which a guest may look different. Others, such as of its clock, are frequent.
var telling = regexp.MustCompile(`event '(lifecycle|device-added|device-removed|device-removal-failed|agent-lifecycle|reboot)'`)

// settle is how long virsh may take to subscribe; what happens meanwhile is found by a reading after it.
const settle = time.Second

// listen has virsh print events, and marks that something changed, until ctx ends. Where virsh ends, as when libvirt does, it
// is started again.
func (w *worker) listen(ctx context.Context) {
	for failures := 1; ctx.Err() == nil; failures++ {
		begin := time.Now()
		err := w.follow(ctx)
		w.seeing.Store(false)
		w.mark()
		if time.Since(begin) > w.config.Timing.RetryMax {
			failures = 1
		}
		w.log.Debug("no events of libvirt", "error", err)
		_ = pause(ctx, w.config.Timing.backoff(failures))
	}
}

func (w *worker) mark() {
	select {
	case w.changed <- struct{}{}:
	default: // It is marked already.
	}
}

// follow reads events until virsh ends.
func (w *worker) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := w.virsh.command(ctx, "event", "--loop", "--all")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	complaints := &bounded{limit: maxComplain}
	cmd.Stderr = complaints
	if err := cmd.Start(); err != nil {
		return err
	}
	settled := time.AfterFunc(settle, func() {
		w.seeing.Store(true)
		w.mark()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() { // A line that is too long ends it.
		if telling.Match(lines.Bytes()) {
			w.mark()
		}
	}
	settled.Stop()
	cancel()
	if err := cmd.Wait(); err != nil {
		return &virshError{words(complaints.String(), err), err}
	}
	return nil
}
