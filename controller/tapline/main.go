// Command tapline is the controller: it mirrors traffic between the hosts of a private cloud, as its users ask through the
// REST interface (see tapctl).
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/controller/config"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "tapline:", err)
		var usage usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// usageError is a wrong command line; it ends with exit code 2.
type usageError struct{ error }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "tapline",
		Short:         "Mirror the traffic of guests and virtual switches across Open vSwitch hosts",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(serveCommand(), configCommand(), pluginCommand(), manCommand(), &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "tapline", version) },
	})
	return cmd
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Work with the configuration file"}
	cmd.AddCommand(&cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration file, and tell everything that is wrong with it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := config.Load(args[0])
			if err == nil {
				err = checkPluginConfig(loaded)
			}
			if err != nil {
				return fmt.Errorf("the configuration is wrong:\n%w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), args[0]+": ok")
			return nil
		},
	})
	return cmd
}

func serveCommand() *cobra.Command {
	var file, dataDir, logLevel string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the controller",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), logLevel)
			if err != nil {
				return usageError{err}
			}
			read := func() (*config.Config, error) {
				loaded := config.Default()
				if file != "" {
					var err error
					if loaded, err = config.Load(file); err != nil {
						return nil, fmt.Errorf("the configuration is wrong:\n%w", err)
					}
				}
				if dataDir != "" {
					loaded.DataDir = dataDir
				}
				return loaded, loaded.Validate()
			}
			loaded, err := read()
			if err != nil {
				return err
			}
			slog.SetDefault(log) // For what writes by package log, such as net/http.
			return serve(cmd.Context(), loaded, read, log)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE` (default: none, every setting at its default)")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "`DIR` of the store and the token (default: data_dir of the configuration)")
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}
