//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

func main() {
	// An interrupted up removes what it has made.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "tapline-lab:", err)
		os.Exit(1)
	}
}

// target is the lab that a command is about.
type target struct{ dir, name string }

func newCommand() *cobra.Command {
	lab := &target{}
	root := &cobra.Command{
		Use:           "tapline-lab",
		Short:         "Several Open vSwitch hosts on one machine, to play with",
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	root.PersistentFlags().StringVar(&lab.dir, "dir", "",
		"directory of labs (default $XDG_RUNTIME_DIR/tapline-lab or /run/tapline-lab)")

	commands := []*cobra.Command{
		newUp(lab), newExec(lab), newInfo(lab), newDown(lab),
		newServe(lab), newStop(lab), newPlug(lab), newMove(lab), newForward(lab),
		newLink(lab), newMTU(lab), newRebuild(lab), newTagUnderlay(lab), newOverlay(lab),
	}
	for _, command := range append(commands, newGuestVerbs(lab)...) {
		command.Flags().StringVar(&lab.name, "name", defaultName(), "name of the lab (TAPLINE_LAB)")
		root.AddCommand(command)
	}

	root.AddCommand(newList(lab))
	return root
}

// defaultName is the lab that a command without --name is about.
func defaultName() string {
	if name := os.Getenv("TAPLINE_LAB"); name != "" {
		return name
	}
	return "lab"
}

func newDown(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove a lab, also after a crash",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return lab.Purge(t.dir, t.name) },
	}
}

func newList(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the labs",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			names, err := lab.List(t.dir)
			for _, name := range names {
				fmt.Fprintln(command.OutOrStdout(), name)
			}
			return err
		},
	}
}

func newInfo(t *target) *cobra.Command {
	var format string
	command := &cobra.Command{
		Use:   "info",
		Short: "Show the addresses, guests, MACs and spare NICs of a lab",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			l, err := lab.Open(t.dir, t.name)
			if err != nil {
				return err
			}
			return show(command.OutOrStdout(), l, format)
		},
	}

	addFormat(command, &format)
	return command
}

func addFormat(command *cobra.Command, format *string) {
	command.Flags().StringVarP(format, "output", "o", "table", "table or json")
}

func show(out io.Writer, l *lab.Lab, format string) error {
	switch format {
	case "table":
		return describe(l).table(out)
	case "json":
		return describe(l).json(out)
	}
	return fmt.Errorf("output format %q: want table or json", format)
}
