package observe

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
	"github.com/tapline-sdn/tapline/api/tapctl/picture"
)

func explain(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:   "explain tap-flow|tap-service ID [flags]",
		Short: "Explain a tap flow or tap service: its path, what is missing, what to do",
		Long: `Explain a tap flow or a tap service:

- the path of its packets from the source to the collector, with what each place has counted;
- what must hold for it to work, and since when it does or does not;
- what to do next;
- its rows and flows on the switches, as ovs-vsctl and ovs-ofctl name them.`,
		Example: `  tapctl explain tap-flow web
  tapctl explain tap-flow/web
  tapctl explain tap-service ids -o yaml
  tapctl explain tap-flow web -o json | jq '.checks[] | select(.status != "ready")'`,
		Args:    cobra.RangeArgs(1, 2),
		Formats: []string{"table", "json", "yaml"},
		Run: func(cmd *cobra.Command, args []string) error {
			word, ref := args[0], ""
			if len(args) == 2 {
				ref = args[1]
			} else {
				word, ref, _ = strings.Cut(word, "/")
			}

			if ref == "" {
				return cli.Usage("want tap-flow ID or tap-service ID")
			}

			explanation, err := getExplanation(cmd.Context(), app, word, ref)
			if err != nil {
				return err
			}

			if encode := app.Style.Encoder(); encode != nil {
				return encode(app.Out, explanation)
			}

			_, err = io.WriteString(app.Out, picture.Explanation(explanation))
			return err
		},
	})
}

func getExplanation(ctx context.Context, app *cli.App, word, ref string) (api.Explanation, error) {
	k, _ := kind.Find(word)
	if k.Word != "tap-flow" && k.Word != "tap-service" {
		return api.Explanation{}, cli.Usage("%q cannot be explained: want tap-flow or tap-service",
			word)
	}

	c, err := app.Client()
	if err != nil {
		return api.Explanation{}, err
	}

	if k.Word == "tap-flow" {
		return c.TapFlows().Explain(ctx, ref)
	}

	return c.TapServices().Explain(ctx, ref)
}
