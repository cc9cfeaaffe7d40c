package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the man pages of all commands. It is for packagers, so it is hidden.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages into a directory",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}

			top := cmd.Root()
			top.DisableAutoGenTag = true // It would put the day of the build on every page.
			return doc.GenManTree(top, &doc.GenManHeader{
				Section: "8", Source: "Tapline " + version, Manual: "Tapline",
			}, args[0])
		},
	}
}
