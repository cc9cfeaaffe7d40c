package cmd

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func tokens() kind[api.Token, api.TokenList] {
	type row = api.Token
	return kind[row, api.TokenList]{
		word: "token", noun: "token",
		columns: []column[row]{
			{title: "NAME", value: func(v row) string { return v.Name }, flex: true},
			{title: "ROLE", value: func(v row) string { return v.Role }},
			{title: "EXPIRES", value: func(v row) string {
				if v.Expired {
					return "expired"
				}
				return first(toSecond(v.ExpiresAt), "never")
			}},
			{title: "LAST-USED", value: func(v row) string { return first(toSecond(v.LastUsedAt), "never") }},
			{title: "CREATED", value: func(v row) string { return toSecond(v.CreatedAt) }, wide: true},
			{title: "CREATED-BY", value: func(v row) string { return v.CreatedBy }, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, drop: true},
		},
		items: func(l api.TokenList) []row { return l.Tokens },
		id:    func(v row) string { return v.ID },
		name:  func(v row) string { return v.Name },
	}
}

// toSecond cuts what is below a second off a time, for tables.
func toSecond(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return moment(t)
}

func (a *App) addTokens(root *cobra.Command) {
	k := tokens()
	of := func(c *client.Client) resource[api.Token, api.TokenList] { return c.Tokens() }

	var role, expires string
	create := a.command("token-create --role viewer|operator|admin [--expires WHEN] NAME",
		"Create a token; it is shown this once",
		`  # for a dashboard
  tapctl token-create --role viewer --expires 90d grafana
  # for a script that mirrors; only the token, into a file
  (umask 077; tapctl token-create --role operator ci -o json | jq -r .token > ci.token)`,
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			body := api.TokenCreate{Name: args[0], Role: role}
			if expires != "" {
				at, err := expiry(expires, time.Now().Truncate(time.Second))
				if err != nil {
					return err
				}
				body.ExpiresAt = &at
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := c.Tokens().Create(cmd.Context(), body)
			if err != nil {
				return err
			}
			created := kind[api.TokenCreated, api.TokenList]{id: func(v api.TokenCreated) string { return v.ID }}
			return created.print(a, v)
		})
	create.Flags().StringVar(&role, "role", "", "viewer: read; operator: and write guests, tap services and tap flows; admin: everything")
	create.Flags().StringVar(&expires, "expires", "", "after so long (90d, 12h30m), or at a time (2027-01-31, 2027-01-31T08:00:00Z); default: never")
	needs(create, "role")
	create.GroupID = k.word

	remove := deleteCommand(a, k, of)
	remove.Short = "Revoke tokens, at once"
	root.AddCommand(create, showCommand(a, k, of), remove,
		listCommand(a, k, of, filter{"name", "name", "name"}, filter{"role", "role", "role: viewer, operator or admin"},
			filter{"expired", "expired", "setting: true or false"}))
}

// expiry reads how long from now, or until when.
func expiry(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return t, nil
	}
	return time.Time{}, usage("--expires %q is neither a time to come nor a duration: want 90d, 12h, 2027-01-31 or 2027-01-31T08:00:00Z", s)
}
