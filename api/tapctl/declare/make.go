package declare

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
)

// make makes the changes, and prints those that it has made. If it cannot make them all it says
// what was made and what to do.
func (p prepared) make(ctx context.Context, app *cli.App, set string) error {
	if err := desired.Pin(ctx, p.client, p.current, p.steps); err != nil {
		return conflict(err)
	}

	pending := 0 // deletions that are not complete
	progress := app.Progress()
	for i, step := range p.steps {
		progress.Set("change %d of %d: %s", i+1, len(p.steps), step)

		err := step.Send(ctx, p.client, app.Wait)
		if errors.Is(err, client.ErrPending) {
			app.SettleDeletion(step.Noun(), step.Name(), step.Reason(ctx, p.client))
			pending++
			err = nil
		}

		if err != nil {
			progress.Stop()
			err = p.stopped(app, set, i, err)
			if pending > 0 && client.IsStatus(err, http.StatusConflict) {
				fmt.Fprintln(app.Err, "the rest waits for what is being deleted; "+
					"run the command again once it is gone")
				return nil // The exit code says that something is pending.
			}
			return err
		}
	}

	progress.Stop()
	return writeChanges(app, set, p.changes, false)
}

// stopped reports what was made before an error.
func (p prepared) stopped(app *cli.App, set string, made int, err error) error {
	complete, partial := desired.Done(p.changes, p.steps, made)
	if writeErr := writeChanges(app, set, complete, false); writeErr != nil {
		return errors.Join(err, writeErr)
	}

	for _, c := range partial {
		fmt.Fprintf(app.Err, "%s was begun and is not complete: %s\n", title(c), c.Action)
	}

	fmt.Fprintf(app.Err, "%d of %d changes were made; run the command again to make the others\n",
		len(complete), count(p.changes))

	return conflict(err)
}

// count is the number of changes without those that change nothing.
func count(changes []*desired.Change) int {
	n := 0
	for _, c := range changes {
		if c.Action != desired.Unchanged {
			n++
		}
	}
	return n
}

// conflict says what to do about a change of somebody else; other errors stay as they are.
func conflict(err error) error {
	isConflict := errors.Is(err, desired.ErrChanged) ||
		client.IsStatus(err, http.StatusPreconditionFailed) ||
		client.IsStatus(err, http.StatusConflict)
	if !isConflict {
		return err
	}
	return &advice.Error{
		Err:  err,
		Next: "run it again: it compares the documents with what exists now",
	}
}
