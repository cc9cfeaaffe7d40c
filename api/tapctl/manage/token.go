package manage

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func tokenVerbs(app *cli.App) []*cobra.Command {
	v := verbs[api.Token, api.TokenList]{app, kind.Tokens(),
		func(c *client.Client) requests[api.Token, api.TokenList] { return c.Tokens() }}

	revoke := v.remove(nil)
	revoke.Short = "Revoke tokens, at once"

	return []*cobra.Command{
		createToken(app), v.show(), revoke,
		v.list(filter("name", "of this name"),
			filter("role", "of this role: viewer, operator or admin"),
			filter("expired", "that have expired (true) or not (false)")),
	}
}

func createToken(app *cli.App) *cobra.Command {
	var role, expires string
	run := func(cmd *cobra.Command, args []string) error {
		body := api.TokenCreate{Name: args[0], Role: role}
		if expires != "" {
			at, err := readExpiry(expires, time.Now().Truncate(time.Second))
			if err != nil {
				return err
			}
			body.ExpiresAt = &at
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		token, err := c.Tokens().Create(cmd.Context(), body)
		if err != nil {
			return err
		}

		return kind.CreatedTokens().Write(app.Out, app.Style, token)
	}

	cmd := app.Command(verb("token", "create --role viewer|operator|admin [--expires WHEN] NAME",
		"Create a token, which is shown only now",
		`  # for a dashboard
  tapctl %[1]s-create --role viewer --expires 90d grafana
  # for a script that manages mirrors; the token alone, into a file
  (umask 077; tapctl %[1]s-create --role operator ci -o json | jq -r .token > ci.token)`,
		cli.OneArg("NAME"), run))

	cmd.Flags().StringVar(&role, "role", "",
		"viewer: read; operator: also write guests, tap services and tap flows, and plan; "+
			"admin: everything")
	cmd.Flags().StringVar(&expires, "expires", "",
		"when it expires: after a time (90d, 12h30m) or at one (2027-01-31, "+
			"2027-01-31T08:00:00Z), or never; "+
			"default: as configured, 90d")
	cli.Require(cmd, "role")
	return cmd
}

// readExpiry reads a duration from now, a time, or "never", which is the zero time.
func readExpiry(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t, nil
	}

	return time.Time{}, cli.Usage("--expires %q is neither a duration nor a time: "+
		"want 90d, 12h, 2027-01-31, 2027-01-31T08:00:00Z or never", text)
}
