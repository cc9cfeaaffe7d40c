package observe

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// What wait can wait for, beside the statuses.
const (
	created = "created"
	deleted = "deleted"
)

// Goals are what wait can wait for.
var Goals = []string{
	string(
		api.Ready), string(api.Disabled), string(api.Pending), string(api.Error), created, deleted,
}

func wait(app *cli.App) *cobra.Command {
	var goal string
	var timeout time.Duration

	cmd := app.Command(cli.Verb{
		Use:   "wait KIND/ID... [flags]",
		Short: "Wait until resources have a status, or are created or deleted",
		Long: `Wait until resources have a status (ready, disabled, pending or error), or are
created or deleted.

Exit codes: 0 all of them do; 1 one is in error while another status is waited for, or does not
exist; 3 the time is over.`,
		Example: `  tapctl wait tap-flow/web
  tapctl wait tap-service/ids tap-flow/web tap-flow/db --for ready --timeout 1m
  tapctl wait tap-flow web db --for disabled
  tapctl wait guest/web-vm --for created --timeout 5m`,
		Args:    cli.SomeArgs("KIND/ID"),
		Formats: []string{"table", "json", "yaml", "id", "name"},
		Run: func(cmd *cobra.Command, args []string) error {
			goal, err := readGoal(goal)
			if err != nil {
				return err
			}

			targets, err := readTargets(args, goal)
			if err != nil {
				return err
			}

			c, err := app.Client()
			if err != nil {
				return err
			}

			return Await(cmd.Context(), app, c, targets, goal, timeout)
		},
	})

	cmd.Flags().
		StringVar(&goal, "for", string(api.Ready), "what to wait for: "+strings.Join(Goals, ", "))

	cmd.Flags().
		DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait (0 = check once)")

	return cmd
}

// readGoal reads --for; the words of kubectl work too.
func readGoal(text string) (string, error) {
	goal := strings.ToLower(text)
	for _, prefix := range []string{"status=", "condition="} {
		goal = strings.TrimPrefix(goal, prefix)
	}

	switch goal {
	case "create":
		goal = created
	case "delete":
		goal = deleted
	}

	if !slices.Contains(Goals, goal) {
		return "", cli.Usage("--for %q is not known: want one of %s", goal,
			strings.Join(Goals, ", "))
	}

	return goal, nil
}

// readTargets reads KIND/ID..., or KIND ID...
func readTargets(args []string, goal string) ([]*Target, error) {
	var targets []*Target
	var common *kind.Any // of KIND ID...
	for i, arg := range args {
		if common != nil {
			targets = append(targets, &Target{kind: *common, ref: arg, name: arg})
			continue
		}

		word, ref, hasRef := strings.Cut(arg, "/")
		k, ok := kind.Find(word)
		switch {
		case !ok || hasRef && ref == "":
			return nil, cli.Usage(
				"%q names no resource: want KIND/ID, such as tap-flow/web, of a kind %s", arg,
				strings.Join(kind.Words(), ", "))
		case hasRef:
			targets = append(targets, &Target{kind: k, ref: ref, name: ref})
		case i > 0 || len(args) == 1:
			return nil, cli.Usage("%q names a kind alone: want KIND/ID, such as %s/NAME", arg, arg)
		default:
			common = &k
		}
	}

	for _, t := range targets {
		hasStatus := t.kind.Word != "guest" && t.kind.Word != "wire"
		if !hasStatus && goal != created && goal != deleted {
			return nil, cli.Usage("a %s has no status: want --for created or --for deleted",
				t.kind.Noun)
		}
	}

	return targets, nil
}
