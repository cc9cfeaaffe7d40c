package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// present marks what existed when a watch began, beside the types of events.
const present = "present"

const watchHelp = `Follow changes as they happen, until interrupted. First comes what exists, marked
"present"; then a line for each resource that is created, updated (its settings or its status) or
deleted. With -o json each line is an object with type, kind and object.

If the stream breaks off it is resumed where it was. If events were lost for good, what exists comes
again.`

func watch(app *cli.App) *cobra.Command {
	var changesOnly bool
	cmd := app.Command(cli.Verb{
		Use:   "watch [KIND [ID...]] [flags]",
		Short: "Follow changes as they happen",
		Long:  watchHelp,
		Example: `  tapctl watch
  tapctl watch tap-flow
  tapctl watch tap-flow web --changes-only
  tapctl watch tap-flow -o json | jq -r 'select(.object.status == "error") | .object.name'`,
		Args:    cobra.ArbitraryArgs,
		Formats: []string{"table", "json", "yaml"},
		Run: func(cmd *cobra.Command, args []string) error {
			w, err := newWatcher(app, args)
			if err != nil {
				return err
			}
			c, err := app.Client()
			if err != nil {
				return err
			}
			return w.follow(cmd.Context(), c, !changesOnly)
		},
	})

	cmd.Flags().
		BoolVar(&changesOnly, "changes-only", false, "leave out what exists at the beginning")

	return cmd
}

// watcher prints events about all resources, those of a kind, or some of a kind.
type watcher struct {
	app   *cli.App
	kind  *kind.Any // nil: all kinds
	refs  []string  // none: all resources
	known map[string]bool
}

func newWatcher(app *cli.App, args []string) (*watcher, error) {
	w := &watcher{app: app, known: map[string]bool{}}
	if len(args) == 0 {
		return w, nil
	}

	word, ref, hasRef := strings.Cut(args[0], "/")
	k, ok := kind.Find(word)
	if !ok || k.Word == "wire" { // Wires have no events.
		return nil, cli.Usage(
			"%q is no kind that can be watched: want host, guest, tap-service or tap-flow", word)
	}

	w.kind = &k
	if hasRef {
		w.refs = append(w.refs, ref)
	}

	w.refs = append(w.refs, args[1:]...)
	return w, nil
}

// follow prints events until ctx ends, which is no error.
func (w *watcher) follow(ctx context.Context, c *client.Client, withPresent bool) error {
	// A broken stream is reported once, until it works again.
	broken := false
	opts := []client.Option{client.Broken(func(error) {
		if !broken {
			fmt.Fprintln(w.app.Err, "the stream of events broke off and is opened again")
		}
		broken = true
	})}

	if w.kind != nil {
		opts = append(opts, client.Where("kind", w.kind.Key()))
	}
	if withPresent {
		opts = append(opts, client.Snapshot())
	}

	events, err := c.Watch(ctx, opts...)
	if err != nil {
		return err
	}

	for event, err := range events {
		if err != nil {
			return err
		}

		broken = false

		err := w.handle(event)
		var closed *outputError
		if errors.As(err, &closed) {
			return nil // Whoever reads the output has had enough.
		}

		if err != nil {
			return err
		}
	}

	return nil
}

// outputError is a failure to write the output.
type outputError struct{ error }

// handle prints one event.
func (w *watcher) handle(e api.Event) error {
	what := string(e.Type)
	switch e.Type {
	case api.Synced:
		return nil
	case api.Reset:
		fmt.Fprintln(w.app.Err, "events were lost; what exists now follows")
		return nil
	case api.Current:
		what = present
	}

	k, ok := kind.Find(e.Kind())
	if !ok {
		return nil
	}

	o, ok := k.Of(e.Object)
	if !ok || !w.wants(o) {
		return nil
	}
	if err := w.write(what, e, o); err != nil {
		return &outputError{err}
	}

	return nil
}

// write writes one event as a line or as a document.
func (w *watcher) write(what string, e api.Event, o kind.Object) error {
	document := struct {
		Type   string `json:"type"`
		Kind   string `json:"kind"`
		Object any    `json:"object"`
	}{what, e.Kind(), e.Object}

	switch w.app.Style.Format {
	case "json": // one line for each event
		return json.NewEncoder(w.app.Out).Encode(document)
	case "yaml":
		if _, err := io.WriteString(w.app.Out, w.app.Style.Separator()); err != nil {
			return err
		}
		return format.YAML(w.app.Out, document)
	}

	health := o.Health
	if what == string(api.Deleted) {
		health = kind.Health{}
	}

	line := fmt.Sprintf("%s  %-7s  %-11s  %-20s  %-8s  %s",
		time.Now().Format("15:04:05.000"), what, o.Kind.Word, format.Printable(o.Name),
		format.OrDash(string(health.Status)), format.Printable(health.Reason))

	line = strings.TrimRight(line, " ")
	if w.app.Width > 0 {
		line = format.Cut(line, w.app.Width)
	}

	_, err := fmt.Fprintln(w.app.Out, line)
	return err
}

// wants reports whether a resource was asked for. One that is renamed stays wanted by its id.
func (w *watcher) wants(o kind.Object) bool {
	if w.kind != nil && o.Kind.Word != w.kind.Word {
		return false
	}
	if len(w.refs) == 0 || w.known[o.ID] {
		return true
	}

	if slices.ContainsFunc(w.refs, o.Is) {
		w.known[o.ID] = true
		return true
	}
	return false
}
