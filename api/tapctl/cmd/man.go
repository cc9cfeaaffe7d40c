package cmd

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// man is the hidden command that writes the man pages of all verbs, for packagers.
func man(app *cli.App, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages into a directory",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			dir := args[0]
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}

			// The tag would date the pages by the day of the build.
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{
				Section: "1",
				Source:  "Tapline " + app.Version,
				Manual:  "Tapline",
			}

			return doc.GenManTree(root, header, dir)
		},
	}
}
