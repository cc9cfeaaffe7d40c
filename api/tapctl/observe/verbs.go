package observe

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// Verbs returns the commands of this package.
func Verbs(app *cli.App) []*cobra.Command {
	return []*cobra.Command{
		auditList(app), explain(app), watch(app), wait(app), topology(app), getConfig(app),
		whoami(app),
	}
}
