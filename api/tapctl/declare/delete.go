package declare

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
)

const deleteHelp = `Delete the resources that documents describe, by kind and name. What they refer
to is deleted after them. All deletions are checked before the first one: if one is refused, nothing
is deleted. What does not exist is left out.`

func remove(app *cli.App) *cobra.Command {
	var source sourceFlags
	var dryRun string

	cmd := app.WaitsForRemoval(app.Command(cli.Verb{
		Use:   "delete -f FILE|-|DIR... [flags]",
		Short: "Delete the resources that documents describe",
		Long:  deleteHelp,
		Example: `  tapctl delete -f lab.yaml --dry-run
  tapctl delete -f lab.yaml --wait 10s
  tapctl export --set lab | tapctl delete -f -`,
		Args:    cli.NoArgs,
		Formats: []string{"text", "json", "yaml"},
		Run: func(cmd *cobra.Command, _ []string) error {
			if err := source.requireFiles(); err != nil {
				return err
			}
			dry, err := readDryRun(dryRun)
			if err != nil {
				return err
			}
			return runDelete(cmd.Context(), app, source, dry)
		},
	}))

	source.bindFiles(cmd)
	bindDryRun(cmd, &dryRun)
	return cmd
}

func runDelete(ctx context.Context, app *cli.App, source sourceFlags, dryRun bool) error {
	p, want, err := source.read(ctx, app)
	if err != nil {
		return err
	}

	p.changes = desired.Deletions(p.current, want)
	if p.steps, err = desired.Steps(p.changes, source.set); err != nil {
		return err
	}

	if _, err := desired.Try(ctx, p.client, p.steps); err != nil {
		return err
	}
	if dryRun {
		return writeChanges(app, source.set, p.changes, true)
	}

	return p.make(ctx, app, source.set)
}
