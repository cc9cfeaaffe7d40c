package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *App) addVersion(root *cobra.Command) {
	root.AddCommand(a.command("version", "Print the version", "  tapctl version", cobra.NoArgs,
		func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Out, "%s %s\n", root.Name(), a.Version)
			return err
		}))
}
