package cmd

import (
	"strings"

	"github.com/spf13/cobra"
)

// Words are the command lines of all commands, without their first word.
func (a *App) Words() []string {
	var out []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		_, words, _ := strings.Cut(c.CommandPath(), " ")
		out = append(out, words)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root())
	return out
}
