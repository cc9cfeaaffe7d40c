package cmd

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// addMan adds the command that writes the man pages of all commands, for packagers.
func (a *App) addMan(root *cobra.Command) {
	root.AddCommand(&cobra.Command{
		Use: "man DIR", Short: "Write the man pages into a directory", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root.DisableAutoGenTag = true // It dates the page by the day of the build.
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "Tapline " + a.Version, Manual: "Tapline"}, args[0])
		},
	})
}
