package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// present marks what was there when a watch began, beside the types of events.
const present = "present"

func (a *App) addWatch(root *cobra.Command) {
	var changesOnly bool
	cmd := a.command("watch [KIND [ID...]] [flags]", "Follow what changes, as it happens",
		`  tapctl watch
  tapctl watch tap-flow
  tapctl watch tap-flow web --changes-only
  tapctl watch tap-flow -o json | jq -r 'select(.object.status == "error") | .object.name'`,
		cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
			w := &watcher{app: a, known: map[string]bool{}, refs: nil}
			if len(args) > 0 {
				word, name, slash := strings.Cut(args[0], "/")
				k, found := findKind(word)
				if !found || k.word == "wire" {
					return usage("%q is no kind whose changes are told: want host, guest, tap-service or tap-flow", word)
				}
				w.kind = &k
				if slash {
					w.refs = append(w.refs, name)
				}
				w.refs = append(w.refs, args[1:]...)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			return w.follow(cmd.Context(), c, !changesOnly)
		})
	cmd.Long = `Follow what changes, as it happens, until interrupted. What there is comes first, marked "present"; then a line for each
resource that is created, updated (its settings or its status) or deleted. With -o json each line is an object with type, kind
and object. If the stream breaks off it is resumed where it was; if events were lost for good, what there is comes again.`
	cmd.Flags().BoolVar(&changesOnly, "changes-only", false, "do not tell what there is at the beginning")
	a.writes(cmd, "table", "json", "yaml")
	root.AddCommand(cmd)
}

// watcher prints events about a kind, or some objects of it.
type watcher struct {
	app   *App
	kind  *anyKind // nil: all
	refs  []string // none: all
	known map[string]bool
}

func (w *watcher) follow(ctx context.Context, c *client.Client, tellPresent bool) error {
	broken := false
	opts := []client.Option{client.Broken(func(error) {
		if !broken {
			fmt.Fprintln(w.app.Err, "the stream of events broke off and is opened again")
		}
		broken = true
	})}
	if w.kind != nil {
		opts = append(opts, client.Where("kind", w.kind.key()))
	}
	if tellPresent {
		opts = append(opts, client.Snapshot())
	}
	events, err := c.Watch(ctx, opts...)
	if err != nil {
		return err
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		broken = false
		what := string(e.Type)
		switch e.Type {
		case api.Synced:
			continue
		case api.Reset:
			fmt.Fprintln(w.app.Err, "events were lost; what there is now is told again")
			continue
		case api.Current:
			what = present
		}
		var gone *outputError
		switch err := w.tell(what, e.Kind(), e.Object); {
		case errors.As(err, &gone):
			return nil // Whoever read this has had enough.
		case err != nil:
			return err
		}
	}
	return nil // Interrupted, which is how it is meant to end.
}

// outputError is an output that takes no more.
type outputError struct{ error }

// tell prints one line, or one document.
func (w *watcher) tell(what, kind string, value any) error {
	k, found := findKind(kind)
	if !found {
		return nil
	}
	o, is := k.of(value)
	if !is || !w.wants(o) {
		return nil
	}
	var err error
	document := struct {
		Type   string `json:"type"`
		Kind   string `json:"kind"`
		Object any    `json:"object"`
	}{what, kind, value}
	switch w.app.output {
	case "json":
		err = json.NewEncoder(w.app.Out).Encode(document)
	case "yaml":
		if _, err = fmt.Fprintln(w.app.Out, "---"); err == nil {
			err = writeYAML(w.app.Out, document)
		}
	default:
		status := orDash(string(o.status))
		if what == string(api.Deleted) {
			status = "-"
			o.reason = ""
		}
		line := fmt.Sprintf("%s  %-7s  %-11s  %-20s  %-8s  %s", time.Now().Format("15:04:05.000"), what, k.word, printable(o.name), status, printable(o.reason))
		line = strings.TrimRight(line, " ")
		if w.app.Width > 0 {
			line = cut(line, w.app.Width)
		}
		_, err = fmt.Fprintln(w.app.Out, line)
	}
	if err != nil {
		return &outputError{err}
	}
	return nil
}

// wants reports whether an object was asked for. One that was renamed stays wanted by its id.
func (w *watcher) wants(o object) bool {
	if w.kind != nil && o.of.word != w.kind.word {
		return false
	}
	if len(w.refs) == 0 || w.known[o.id] {
		return true
	}
	for _, ref := range w.refs {
		if o.named(ref) {
			w.known[o.id] = true
			return true
		}
	}
	return false
}
