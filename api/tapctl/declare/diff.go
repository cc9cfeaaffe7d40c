package declare

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
)

// The exit codes of diff, which are those of diff(1).
const (
	exitDifferences = 1
	exitTrouble     = 2
)

func diff(app *cli.App) *cobra.Command {
	var source sourceFlags
	cmd := app.Command(cli.Verb{
		Use:   "diff -f FILE|-|DIR... [flags]",
		Short: "Show what apply would change",
		Long: `Show what apply would change. Nothing is changed.

Exit codes: 0 no difference; 1 differences; 2 or more an error, such as a bad document.

` + documentHelp,
		Example: `  tapctl diff -f lab.yaml
  tapctl diff -f mirrors/ --set mirrors --prune
  tapctl diff -f lab.yaml >/dev/null || tapctl apply -f lab.yaml`,
		Args:    cli.NoArgs,
		Formats: []string{"text", "json", "yaml"},
		Run: func(cmd *cobra.Command, _ []string) error {
			app.FailureCode = exitTrouble
			if err := source.requireSource(cmd); err != nil {
				return err
			}

			p, err := source.prepare(cmd.Context(), app)
			if err != nil {
				return err
			}

			if _, err := desired.Try(cmd.Context(), p.client, p.steps); err != nil {
				return err
			}
			if len(p.steps) > 0 {
				app.SetOutcome(exitDifferences)
			}

			return writeChanges(app, source.set, p.changes, true)
		},
	})

	source.bind(cmd)
	return cmd
}
