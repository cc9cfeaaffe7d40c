//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// serveGrace bounds how long a controller may take to answer its first request.
const serveGrace = 30 * time.Second

func newServe(t *target) *cobra.Command {
	var config string
	command := &cobra.Command{
		Use:   "serve",
		Short: "Start a controller in the lab, in the background",
		Long: `Start tapline on the lab's controller machine, in the background, and wait until
it answers. Its data lie in the lab's directory, so down removes them with the
rest. "tapline-lab exec controller -- tapctl ..." then talks to it with its
admin token.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			release, err := lab.Lock(t.dir, t.name)
			if err != nil {
				return err
			}
			defer release()

			l, err := lab.Open(t.dir, t.name)
			if err != nil {
				return err
			}

			if err := serve(command.Context(), l, config); err != nil {
				return err
			}

			_, err = fmt.Fprintf(command.OutOrStdout(),
				"the controller of lab %s answers; log: %s\n", l.Name, l.ControllerLog())

			return err
		},
	}

	command.Flags().StringVar(&config, "config", "", "configuration file (default: all defaults)")
	return command
}

// serve starts a controller and returns when it answers.
func serve(ctx context.Context, l *lab.Lab, config string) error {
	args := []string{"serve", "--data-dir", l.ControllerDir()}
	if config != "" {
		path, err := filepath.Abs(config)
		if err != nil {
			return err
		}
		args = append(args, "--config", path)
	}

	// Not with ctx: the controller outlives this command.
	if err := l.StartController(onController(context.Background(), l, "tapline",
		args...)); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, serveGrace)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := tapctl(ctx, l, "host-list")
		if err == nil {
			return nil
		}

		if !l.ControllerRuns() {
			return fmt.Errorf("the controller ended at once: see %s", l.ControllerLog())
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the controller does not answer: %w", err),
				l.StopController())
		}
	}
}

func newStop(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "Stop the controller that serve has started; the switches go on mirroring",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			release, err := lab.Lock(t.dir, t.name)
			if err != nil {
				return err
			}
			defer release()

			l, err := lab.Open(t.dir, t.name)
			if err != nil {
				return err
			}

			return l.StopController()
		},
	}
}

// onController prepares a command of the controller's machine. Programs that lie beside this one
// are found first, and tapctl finds the token of the lab's controller.
func onController(ctx context.Context, l *lab.Lab, name string, args ...string) *exec.Cmd {
	path := os.Getenv("PATH")
	if self, err := os.Executable(); err == nil {
		path = filepath.Dir(self) + string(os.PathListSeparator) + path
		if beside := filepath.Join(filepath.Dir(self), name); isExecutable(beside) {
			name = beside
		}
	}

	cmd := l.Controller.Command(ctx, name, args...)
	cmd.Env = append(cmd.Env, "PATH="+path)
	if os.Getenv("TAPLINE_TOKEN_FILE") == "" && os.Getenv("TAPLINE_TOKEN") == "" {
		cmd.Env = append(cmd.Env, "TAPLINE_TOKEN_FILE="+filepath.Join(l.ControllerDir(),
			"admin.token"))
	}

	return cmd
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// tapctl runs tapctl against the lab's controller and returns what it printed.
func tapctl(ctx context.Context, l *lab.Lab, args ...string) ([]byte, error) {
	out, err := onController(ctx, l, "tapctl", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("tapctl %s: %s", strings.Join(args, " "),
			strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}

// tapNIC is the NIC that a tap service asks the hypervisor for.
func tapNIC(ctx context.Context, l *lab.Lab, service string) (lab.GuestNIC, error) {
	out, err := tapctl(ctx, l, "tap-service-show", service, "-o", "json")
	if err != nil {
		return lab.GuestNIC{}, err
	}

	var wanted api.TapService
	if err := json.Unmarshal(out, &wanted); err != nil {
		return lab.GuestNIC{}, fmt.Errorf("tap service %s: %w", service, err)
	}

	mac, err := lab.ParseMAC(wanted.MACAddr)
	if err != nil {
		return lab.GuestNIC{}, fmt.Errorf("tap service %s: %w", service, err)
	}

	return lab.GuestNIC{MAC: mac, IfName: wanted.IfName}, nil
}
