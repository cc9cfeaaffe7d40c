package cmd

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

func auditRecords() kind[api.AuditRecord, api.AuditList] {
	type row = api.AuditRecord
	return kind[row, api.AuditList]{
		word: "audit", noun: "audit record",
		columns: []column[row]{
			{title: "TIME", value: func(v row) string { return toSecond(v.Time) }},
			{title: "ACTOR", value: func(v row) string { return first(v.Actor.Name, v.Actor.Type) }, flex: true},
			{title: "FROM", value: func(v row) string { return v.Remote }, drop: true},
			{title: "ACTION", value: func(v row) string { return first(v.Action, strings.ToLower(v.Method)) }},
			{title: "KIND", value: func(v row) string { return v.Kind }},
			{title: "NAME", value: func(v row) string { return first(v.Name, v.ID) }, flex: true},
			{title: "OUTCOME", value: func(v row) string { return v.Outcome }},
			{title: "PROBLEM", value: func(v row) string { return v.Problem }, flex: true},
			{title: "STATUS", value: func(v row) string { return strconv.Itoa(v.Status) }, wide: true},
			{title: "COUNT", value: func(v row) string { return strconv.Itoa(v.Count) }, wide: true},
			{title: "ROLE", value: func(v row) string { return v.Actor.Role }, wide: true},
			{title: "PATH", value: func(v row) string { return v.Path }, wide: true},
			{title: "USER-AGENT", value: func(v row) string { return v.UserAgent }, wide: true},
			{title: "ID", value: func(v row) string { return v.ID }, wide: true},
			{title: "REQUEST", value: func(v row) string { return v.RequestID }, wide: true},
		},
		items: func(l api.AuditList) []row { return l.Audit },
		id:    func(v row) string { return v.RequestID },
		name:  func(v row) string { return v.RequestID },
	}
}

func (a *App) addAudit(root *cobra.Command) {
	filters := []filter{
		{"since", "since", "not before a time (2026-11-30T08:00:00Z), or how long ago (30m, 12h, 7d)"},
		{"until", "until", "before a time, or how long ago"},
		{"actor", "actor", "by the token or certificate of this name or id; or token, certificate, config, controller, unknown"},
		{"kind", "kind", "about a host, guest, wire, tap_service, tap_flow, token or plugin"},
		{"id", "id", "about the resource of this id or name"},
		{"outcome", "outcome", "that ended so: success, refused, denied or failed"},
		{"request-id", "request_id", "of this request (X-Request-Id)"},
	}
	var limit, offset int
	cmd := a.command("audit-list [flags]", "Show who changed what, and who was turned away, the newest first",
		`  tapctl audit-list --since 12h
  # who touched this tap flow, and what it was before
  tapctl audit-list --kind tap_flow --id web -o json
  tapctl audit-list --outcome denied -o wide`,
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			opts := []client.Option{client.Page(limit, offset)}
			for _, f := range filters {
				if cmd.Flags().Changed(f.flag) {
					value := cmd.Flags().Lookup(f.flag).Value.String()
					if f.flag == "kind" {
						value = strings.ReplaceAll(value, "-", "_")
					}
					opts = append(opts, client.Where(f.param, value))
				}
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			list, err := c.Audit(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			return auditRecords().printList(a, list)
		})
	for _, f := range filters {
		cmd.Flags().String(f.flag, "", "only "+f.help)
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many, up to 10000")
	cmd.Flags().IntVar(&offset, "offset", 0, "skip so many")
	cmd.GroupID = "token"
	root.AddCommand(cmd)
}
