package observe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// pollInterval is how often wait looks without an event: guests that are detected, and wires, come
// and go without events.
const pollInterval = time.Second

// Target is a resource that is waited for. Once it was found it is followed by its id.
type Target struct {
	kind     kind.Any
	ref      string
	name     string
	lastSeen string // how it stood when it was read last
}

// NewTarget returns a target for a resource that exists.
func NewTarget(o kind.Object) *Target { return &Target{kind: o.Kind, ref: o.ID, name: o.Name} }

// Await waits until all targets have reached the goal, and prints them. It looks when an event says
// that something changed. When the time is over it reports those that have not, and sets the exit
// code.
func Await(
	ctx context.Context, app *cli.App, c *client.Client, targets []*Target, goal string,
	timeout time.Duration,
) error {
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan struct{}, 1)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	if timeout > 0 {
		running.Go(func() { signalEvents(ctx, c, changed) })
	}

	stop := app.Working("waiting for " + goal)
	reached, open, err := poll(ctx, c, targets, goal, timeout, changed)
	stop()
	if err != nil {
		return err
	}

	for _, t := range open {
		fmt.Fprintf(app.Err, "%s %q is not %s after %v: %s\n",
			t.kind.Noun, format.Printable(t.name), goal, timeout, format.Printable(t.lastSeen))
		app.SetOutcome(cli.ExitPending)
	}

	return writeReached(app, reached, goal)
}

// poll reads targets until all have reached the goal or the time is over. It returns those that
// have, and the targets that have not.
func poll(
	ctx context.Context, c *client.Client, targets []*Target, goal string, timeout time.Duration,
	changed <-chan struct{},
) (reached []kind.Object, open []*Target, err error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()

	open = targets
	for {
		var still []*Target
		for _, t := range open {
			o, done, err := t.look(ctx, c, goal)
			switch {
			case err != nil:
				return nil, nil, err
			case done:
				reached = append(reached, o)
			default:
				still = append(still, t)
			}
		}

		if open = still; len(open) == 0 {
			return reached, nil, nil
		}

		select {
		case <-changed:
		case <-tick.C:
		case <-deadline.C:
			return reached, open, nil
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// look reads a target and reports whether it has reached the goal. It is an error if the target can
// reach it only after somebody has done something.
func (t *Target) look(
	ctx context.Context, c *client.Client, goal string,
) (o kind.Object, done bool, err error) {
	o, err = t.kind.Get(ctx, c, t.ref)
	gone := client.IsStatus(err, http.StatusNotFound)
	switch {
	case gone && goal == deleted:
		return kind.Object{Kind: t.kind, ID: t.ref, Name: t.name}, true, nil
	case gone && goal == created:
		t.lastSeen = "it does not exist"
		return kind.Object{}, false, nil
	case err != nil:
		return kind.Object{}, false, err
	}

	t.ref, t.name, t.lastSeen = o.ID, o.Name, o.Health.String()
	switch {
	case goal == deleted:
		if o.Health.Status != kind.Deleting {
			t.lastSeen = "it exists"
		}
		return o, false, nil
	case goal == created || string(o.Health.Status) == goal:
		return o, true, nil
	case o.Health.Status == kind.Deleting:
		return kind.Object{}, false, advice.New("wait for it with --for deleted",
			"%s %q is being deleted: %s", t.kind.Noun, o.Name, o.Health.Reason)
	case o.Health.Status == api.Error:
		return kind.Object{}, false, advice.New(
			"fix the cause; the controller then tries again by itself", "%s %q is in error: %s",
			t.kind.Noun, o.Name, o.Health.Reason)
	}

	return o, false, nil
}

// signalEvents sends to changed when an event arrives, as long as the stream lasts. Without a
// stream, wait looks every pollInterval.
func signalEvents(ctx context.Context, c *client.Client, changed chan<- struct{}) {
	events, err := c.Watch(ctx)
	if err != nil {
		return
	}

	for _, err := range events {
		if err != nil {
			return
		}
		select {
		case changed <- struct{}{}:
		default: // A signal is there already.
		}
	}
}

// writeReached prints the resources that have reached the goal.
func writeReached(app *cli.App, reached []kind.Object, goal string) error {
	if app.Style.Encoder() != nil {
		var values []any
		for _, o := range reached {
			if o.Value != nil { // Of what is deleted there is nothing to encode.
				values = append(values, o.Value)
			}
		}
		return format.EncodeAll(app.Out, app.Style, values)
	}

	var errs []error
	for _, o := range reached {
		var err error
		switch {
		case app.Style.IDs():
			_, err = fmt.Fprintln(app.Out, o.ID)
		case app.Style.Names():
			_, err = fmt.Fprintf(app.Out, "%s/%s\n", o.Kind.Word, format.Printable(o.Name))
		default:
			name := format.Printable(o.Name)
			_, err = fmt.Fprintf(app.Out, "%s %q is %s\n", o.Kind.Noun, name, goal)
		}

		errs = append(errs, err)
	}

	return errors.Join(errs...)
}
