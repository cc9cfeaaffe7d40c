// Command tapline is the controller: it mirrors traffic between the hosts of a private cloud, as
// users ask for it through the REST interface (see tapctl).
//
// The package assembles the parts: `serve` opens the store and the logs, starts the plugin, listens
// and runs until a signal. It decides nothing about mirroring.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

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

// usageError is a wrong command line. The program exits with code 2.
type usageError struct{ error }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "tapline",
		Short:         "Mirror traffic of guests and virtual switches across Open vSwitch hosts",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	cmd.SetVersionTemplate("tapline {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })

	cmd.AddCommand(
		serveCommand(), configCommand(), storeCommand(), auditCommand(), cleanupCommand(),
		pluginCommand(), manCommand(), versionCommand(),
	)

	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "tapline", version)
		},
	}
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Work with the configuration file"}
	cmd.AddCommand(&cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration file and list all its errors",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := loadConfig(args[0])
			if err != nil {
				return err
			}

			if err := checkPluginConfig(loaded); err != nil {
				return invalidConfig(err)
			}
			if err := loaded.CheckCertificates(time.Now()); err != nil {
				return invalidConfig(err)
			}

			fmt.Fprintln(cmd.OutOrStdout(), args[0]+": ok")
			return nil
		},
	})

	return cmd
}

// loadConfig reads the configuration file; "" stands for a file without settings.
func loadConfig(file string) (*config.Config, error) {
	if file == "" {
		return config.Default(), nil
	}
	c, err := config.Load(file)
	if err != nil {
		return nil, invalidConfig(err)
	}
	return c, nil
}

func invalidConfig(err error) error {
	return fmt.Errorf("the configuration is not valid:\n%w", err)
}
