package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// Aims of wait beside the statuses.
const (
	aimDeleted = "deleted"
	aimCreated = "created"
)

// lookAgain is how often wait looks, whatever events tell: guests and wires come and go without.
const lookAgain = time.Second

func aims() []string {
	return []string{string(api.Ready), string(api.Disabled), string(api.Pending), string(api.Error), aimCreated, aimDeleted}
}

func (a *App) addWait(root *cobra.Command) {
	var aim string
	var timeout time.Duration
	cmd := a.command("wait KIND/ID... [flags]", "Wait until resources have come so far",
		`  tapctl wait tap-flow/web
  tapctl wait tap-service/ids tap-flow/web tap-flow/db --for ready --timeout 1m
  tapctl wait tap-flow web db --for disabled
  tapctl wait guest/web-vm --for created --timeout 5m`,
		cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
			aim = strings.ToLower(aim)
			for _, prefix := range []string{"status=", "condition="} {
				aim = strings.TrimPrefix(aim, prefix)
			}
			if aim == "delete" || aim == "create" {
				aim += "d"
			}
			if !slices.Contains(aims(), aim) {
				return usage("--for %q is not known: want one of %s", aim, strings.Join(aims(), ", "))
			}
			targets, err := readTargets(args)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if aim != aimCreated && aim != aimDeleted && (t.kind.word == "guest" || t.kind.word == "wire") {
					return usage("a %s has no status: want --for created or --for deleted", t.kind.noun)
				}
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			return a.await(cmd.Context(), c, targets, aim, timeout)
		})
	cmd.Long = `Wait until resources have come so far: a status (ready, disabled, pending, error), or created or deleted.

Exit codes: 0 all have; 1 one is in error while another status is waited for, or does not exist; 3 the time has passed.`
	cmd.Flags().StringVar(&aim, "for", string(api.Ready), strings.Join(aims(), ", "))
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "at most so long; 0 looks once")
	a.writes(cmd, "table", "json", "yaml", "id")
	root.AddCommand(cmd)
}

// target is a resource that is waited for. Once seen it is followed by its id.
type target struct {
	kind anyKind
	ref  string
	name string
	last string // how it was seen last
}

// readTargets reads KIND/ID..., or KIND ID...
func readTargets(args []string) ([]*target, error) {
	var out []*target
	var kind *anyKind
	for i, arg := range args {
		word, ref, slash := strings.Cut(arg, "/")
		if kind != nil {
			out = append(out, &target{kind: *kind, ref: arg, name: arg})
			continue
		}
		k, found := findKind(word)
		if !found || slash && ref == "" {
			return nil, usage("%q names no resource: want KIND/ID, such as tap-flow/web, of a kind %s", arg, strings.Join(kindWords(), ", "))
		}
		if slash {
			out = append(out, &target{kind: k, ref: ref, name: ref})
			continue
		}
		if i > 0 || len(args) == 1 {
			return nil, usage("%q names a kind alone: want KIND/ID, such as %s/NAME", arg, arg)
		}
		kind = &k
	}
	return out, nil
}

// await looks at the targets until all have come so far. It looks whenever an event tells that something changed.
func (a *App) await(ctx context.Context, c *client.Client, targets []*target, aim string, timeout time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan struct{}, 1)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	if timeout > 0 {
		running.Go(func() { follow(ctx, c, changed) })
	}
	what := "waiting for " + aim
	stop := a.working(what)
	defer func() { stop() }()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	var reached []object
	for {
		var open []*target
		for _, t := range targets {
			o, done, err := t.look(ctx, c, aim)
			switch {
			case err != nil:
				return err
			case !done:
				open = append(open, t)
			default:
				reached = append(reached, o)
			}
		}
		if targets = open; len(targets) == 0 {
			break
		}
		select {
		case <-changed:
			continue
		case <-tick.C:
			continue
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
		}
		stop()
		stop = func() {}
		for _, t := range targets {
			fmt.Fprintf(a.Err, "%s %q is not %s after %v: %s\n", t.kind.noun, printable(t.name), aim, timeout, printable(t.last))
		}
		a.outcome = ExitPending
		break
	}
	stop()
	stop = func() {}
	return a.printReached(reached, aim)
}

// look reads a target and judges it.
func (t *target) look(ctx context.Context, c *client.Client, aim string) (o object, done bool, err error) {
	o, err = t.kind.get(ctx, c, t.ref)
	gone := client.IsStatus(err, http.StatusNotFound)
	switch {
	case gone && aim == aimDeleted:
		return object{of: t.kind, id: t.ref, name: t.name}, true, nil
	case gone && aim == aimCreated:
		t.last = "it does not exist"
		return object{}, false, nil
	case err != nil:
		return object{}, false, err
	}
	t.ref, t.name = o.id, o.name
	t.last = strings.TrimSuffix(string(o.status)+": "+o.reason, ": ")
	switch {
	case aim == aimDeleted:
		t.last = "it exists"
		return o, false, nil
	case aim == aimCreated || string(o.status) == aim:
		return o, true, nil
	case o.status == api.Error:
		return object{}, false, &localError{
			err:  fmt.Errorf("%s %q is in error: %s", t.kind.noun, printable(o.name), printable(o.reason)),
			next: "mend what the reason says; it is tried again by itself",
		}
	}
	return o, false, nil
}

// follow makes changed ready to be received whenever an event arrives, for as long as the stream lasts.
func follow(ctx context.Context, c *client.Client, changed chan<- struct{}) {
	events, err := c.Watch(ctx)
	if err != nil {
		return // Looking now and then is enough.
	}
	for _, err := range events {
		if err != nil {
			return
		}
		select {
		case changed <- struct{}{}:
		default: // It will look anyway.
		}
	}
}

func (a *App) printReached(reached []object, aim string) error {
	f := formats()[a.output]
	var errs []error
	for i, o := range reached {
		var err error
		switch {
		case f.encode != nil:
			if o.value == nil {
				continue
			}
			if i > 0 && a.output == "yaml" {
				_, err = fmt.Fprintln(a.Out, "---")
			}
			err = errors.Join(err, f.encode(a.Out, o.value))
		case f.ids:
			_, err = fmt.Fprintln(a.Out, o.id)
		default:
			_, err = fmt.Fprintf(a.Out, "%s %q is %s\n", o.of.noun, printable(o.name), aim)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
