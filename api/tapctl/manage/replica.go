package manage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func replicaVerbs(app *cli.App) []*cobra.Command {
	return []*cobra.Command{listReplicas(app), stepDown(app)}
}

func listReplicas(app *cli.App) *cobra.Command {
	run := func(cmd *cobra.Command, _ []string) error {
		c, err := app.Client()
		if err != nil {
			return err
		}
		list, err := c.Replicas(cmd.Context())
		if err != nil {
			return err
		}
		return kind.Replicas().WriteList(app.Out, app.Style, list)
	}

	return app.Command(verb("replica", "list [flags]",
		"List the controllers that share a store, and who leads",
		"  tapctl %[1]s-list", cli.NoArgs, run))
}

const (
	// handOverTime is how long a hand-over may take.
	handOverTime = 30 * time.Second
	handOverLook = 100 * time.Millisecond // between two looks at who leads
)

func stepDown(app *cli.App) *cobra.Command {
	run := func(cmd *cobra.Command, _ []string) error {
		c, err := app.Client()
		if err != nil {
			return err
		}
		before, err := c.Replicas(cmd.Context())
		if err != nil {
			return err
		}
		if err := c.StepDown(cmd.Context()); err != nil {
			return err
		}

		now, err := awaitOther(cmd.Context(), c, leaderOf(before))
		if err != nil {
			return err
		}
		fmt.Fprintf(app.Out, "%s leads\n", now)
		return nil
	}

	return app.Command(verb("replica", "step-down",
		"Have the replica that leads hand over to another one",
		`  # before its machine is restarted; requests wait for the next leader meanwhile
  tapctl %[1]s-step-down`, cli.NoArgs, run))
}

// leaderOf returns the name of the replica that leads, or "".
func leaderOf(l api.ReplicaList) string {
	for _, r := range l.Replicas {
		if r.Role == api.RoleLeader {
			return r.Name
		}
	}
	return ""
}

// awaitOther waits until another replica leads, and returns its name.
func awaitOther(ctx context.Context, c *client.Client, before string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	for {
		list, err := c.Replicas(ctx)
		if now := leaderOf(list); err == nil && now != "" && now != before {
			return now, nil
		}

		select {
		case <-time.After(handOverLook):
		case <-ctx.Done():
			if err == nil {
				err = errors.New("no other replica leads yet")
			}
			return "", fmt.Errorf("%s was asked to step down: %w", before, err)
		}
	}
}
