package hypervisor

import (
	"bufio"
	"context"
	"regexp"
	"time"
)

// relevantEvent matches the events after which a guest may look different. Others, such as changes
// of a guest's clock, are frequent and say nothing.
var relevantEvent = regexp.MustCompile(
	`event '(lifecycle|device-added|device-removed|device-removal-failed|agent-lifecycle|reboot)'`)

// subscribeTime is how long virsh may take to subscribe to events. The guests are read again after
// it, so that nothing that happens meanwhile is missed.
const subscribeTime = time.Second

// watchEvents has virsh print events, and marks the guests as changed, until ctx ends. When virsh
// ends, as it does when libvirtd restarts, it is started again.
func (w *worker) watchEvents(ctx context.Context) {
	for failures := 1; ctx.Err() == nil; failures++ {
		begin := time.Now()
		err := w.followEvents(ctx)
		w.hasEvents.Store(false)
		w.markChanged()

		if time.Since(begin) > w.config.Timing.RetryMax {
			failures = 1
		}

		w.log.Debug("libvirt events ended", "error", err)
		_ = sleep(ctx, w.config.Timing.backoff(failures))
	}
}

// markChanged asks run to read the guests again.
func (w *worker) markChanged() {
	select {
	case w.changed <- struct{}{}:
	default: // It is marked already.
	}
}

// followEvents reads events until virsh ends.
func (w *worker) followEvents(ctx context.Context) error {
	return w.virsh.confined(func() error { return w.readEvents(ctx) })
}

func (w *worker) readEvents(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	cmd := w.virsh.command(ctx, "event", "--loop", "--all")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}

	stderr := &boundedBuffer{limit: maxStderr}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return err
	}

	subscribed := time.AfterFunc(subscribeTime, func() {
		w.hasEvents.Store(true)
		w.markChanged()
	})

	lines := bufio.NewScanner(out)
	for lines.Scan() { // A line that is too long ends the loop.
		if relevantEvent.Match(lines.Bytes()) {
			w.markChanged()
		}
	}

	subscribed.Stop()

	cancel()
	if err := cmd.Wait(); err != nil {
		return &virshError{errorText(stderr.String(), err), err}
	}

	return nil
}
