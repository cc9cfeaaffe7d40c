package declare

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
	"github.com/tapline-sdn/tapline/api/tapctl/observe"
)

// maxWait bounds --wait of apply.
const maxWait = 24 * time.Hour

const applyHelp = `Create, update and, with --prune, delete resources until they are as documents
describe them. All documents are checked before the first change, here and by the controller: if one
is wrong, nothing is changed. Applying the same documents again changes nothing. A change that
somebody else makes at the same time is not overwritten: apply then ends with an error and has to be
run again.

` + documentHelp + `

What apply creates carries the name of its apply set in applied_by. --prune deletes what an earlier
apply of the same set has created and the documents no longer describe; what was created in any
other way is never deleted. Give each group of files that is applied on its own a --set.`

const applyExample = `  tapctl apply -f lab.yaml
  tapctl apply -f lab.yaml --dry-run
  tapctl apply -f mirrors/ --set mirrors --prune --wait 1m
  tapctl export | ssh other tapctl apply -f -

  # lab.yaml
  kind: tap_service
  name: ids
  type: guest
  target_id: ids-vm
  enabled: true
  ---
  kind: tap_flow
  name: web-in
  type: vnic
  guest_id: web-vm
  direction: IN
  tap_id: ids`

func apply(app *cli.App) *cobra.Command {
	var source sourceFlags
	var dryRun string

	cmd := app.Waits(app.Command(cli.Verb{
		Use:     "apply -f FILE|-|DIR... [flags]",
		Short:   "Bring resources to what documents describe",
		Long:    applyHelp,
		Example: applyExample,
		Args:    cli.NoArgs,
		Formats: []string{"text", "json", "yaml"},
		Run: func(cmd *cobra.Command, _ []string) error {
			if err := source.requireSource(cmd); err != nil {
				return err
			}
			dry, err := readDryRun(dryRun)
			if err != nil {
				return err
			}
			return runApply(cmd.Context(), app, source, dry)
		},
	}))

	source.bind(cmd)
	bindDryRun(cmd, &dryRun)
	return cmd
}

// bindDryRun adds flag --dry-run.
func bindDryRun(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "dry-run", "false", "show what would change, and change nothing")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = "true"
}

// readDryRun reads --dry-run; the words of kubectl work too.
func readDryRun(text string) (bool, error) {
	switch text {
	case "true", "client", "server":
		return true, nil
	case "false", "none":
		return false, nil
	}
	return false, cli.Usage("--dry-run %q is not known: want true or false", text)
}

func runApply(ctx context.Context, app *cli.App, source sourceFlags, dryRun bool) error {
	p, err := source.prepare(ctx, app)
	if err != nil {
		return err
	}

	if _, err := desired.Try(ctx, p.client, p.steps); err != nil {
		return err
	}
	if dryRun {
		return writeChanges(app, source.set, p.changes, true)
	}

	if err := p.make(ctx, app, source.set); err != nil {
		return err
	}

	return awaitApplied(ctx, app, p)
}

// awaitApplied waits until the applied resources are ready. Those that are disabled do not count.
func awaitApplied(ctx context.Context, app *cli.App, p prepared) error {
	if app.Wait == 0 {
		return nil
	}

	var targets []*observe.Target
	for _, change := range p.changes {
		k, _ := kind.Find(change.Kind)
		hasStatus := slices.Contains([]string{"host", "tap-service", "tap-flow"}, k.Word)
		if change.Action == desired.Delete || !hasStatus {
			continue
		}

		o, err := k.Get(ctx, p.client, change.Name)
		if err != nil {
			return err
		}

		if o.Health.Status != api.Disabled {
			targets = append(targets, observe.NewTarget(o))
		}
	}

	// The changes were printed already.
	out := app.Out
	app.Out = io.Discard
	defer func() { app.Out = out }()

	return observe.Await(ctx, app, p.client, targets, string(api.Ready), min(app.Wait, maxWait))
}
