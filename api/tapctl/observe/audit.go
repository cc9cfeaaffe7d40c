package observe

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// auditFilters are the filters of audit-list: flags and their usage.
var auditFilters = []struct{ flag, usage string }{
	{
		"since",
		"only records from a time on (2026-11-30T08:00:00Z), or as young as this (30m, 12h, 7d)",
	},
	{"until", "only records before a time, or older than this"},
	{"actor", "only records of the token or certificate of this name or id, or of a type: token, " +
		"certificate, config, controller or unknown"},
	{
		"kind",
		"only records about this kind: host, guest, wire, tap_service, tap_flow, token, " +
			"client_role or plugin",
	},
	{"id", "only records about the resource of this id or name"},
	{"outcome", "only records of this outcome: success, refused, denied or failed"},
	{"request-id", "only records of this request (X-Request-Id)"},
}

func auditList(app *cli.App) *cobra.Command {
	var limit, offset int
	run := func(cmd *cobra.Command, _ []string) error {
		opts := []client.Option{client.Page(limit, offset)}
		for _, f := range auditFilters {
			if !cmd.Flags().Changed(f.flag) {
				continue
			}
			value := cmd.Flags().Lookup(f.flag).Value.String()
			if f.flag == "kind" {
				value = strings.ReplaceAll(value, "-", "_")
			}
			opts = append(opts, client.Where(strings.ReplaceAll(f.flag, "-", "_"), value))
		}

		c, err := app.Client()
		if err != nil {
			return err
		}

		list, err := c.Audit(cmd.Context(), opts...)
		if err != nil {
			return err
		}

		return kind.AuditRecords().WriteList(app.Out, app.Style, list)
	}

	cmd := app.Command(cli.Verb{
		Use:   "audit-list [flags]",
		Short: "Show who changed what, and who was denied access, newest first",
		Example: `  tapctl audit-list --since 12h
  # who changed this tap flow, and what it was before
  tapctl audit-list --kind tap_flow --id web -o json
  tapctl audit-list --outcome denied -o wide`,
		Group: "token",
		Args:  cli.NoArgs,
		Run:   run,
	})

	for _, f := range auditFilters {
		cmd.Flags().String(f.flag, "", f.usage)
	}

	cmd.Flags().IntVar(&limit, "limit", 100, "maximum number of results, up to 10000")
	cmd.Flags().IntVar(&offset, "offset", 0, "results to skip")
	return cmd
}
