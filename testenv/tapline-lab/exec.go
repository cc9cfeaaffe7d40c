//go:build linux

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func newExec(t *target) *cobra.Command {
	command := &cobra.Command{
		Use:   "exec NODE [--] [COMMAND [ARG...]]",
		Short: "Run a command on a host, in a guest, or on the controller",
		Long: `Run a command in the network namespace of a host (h1), a guest (g1), the
controller or the fabric. On a host, plain ovs-vsctl, ovs-ofctl and ovs-appctl
talk to that host's switch. On the controller, the programs beside tapline-lab
are in the PATH, and tapctl finds the token of the controller that serve has
started. Without a command it is a shell.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			l, node, err := t.node(args[0])
			if err != nil {
				return err
			}

			args = args[1:]
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			if len(args) == 0 {
				args = []string{shell()}
			}

			// The command takes this process's place: signals, terminal and exit
			// status are its own.
			cmd := node.Command(command.Context(), args[0], args[1:]...)
			if node == l.Controller {
				cmd = onController(command.Context(), l, args[0], args[1:]...)
			}

			return fmt.Errorf("execute %s: %w", cmd.Path, unix.Exec(cmd.Path, cmd.Args, cmd.Env))
		},
	}

	// What follows the node's name belongs to the command.
	command.Flags().SetInterspersed(false)
	return command
}

func shell() string {
	if shell := os.Getenv("SHELL"); shell != "" {
		return shell
	}
	return "/bin/sh"
}
