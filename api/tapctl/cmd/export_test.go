package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// Words are the command lines of all commands, without the program's name.
func Words(world cli.World) []string {
	var out []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		_, words, _ := strings.Cut(c.CommandPath(), " ")
		out = append(out, words)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}

	walk(Root(cli.New(world)))
	return out
}
