package manage

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// parameter is a flag of a list command and the query parameter that it sets.
type parameter struct{ flag, query, usage string }

// filter is a parameter that selects resources by a property.
func filter(flag, property string) parameter {
	return parameter{flag, strings.ReplaceAll(flag, "-", "_"), "only those " + property}
}

// selector is the parameter that selects by labels and names.
var selector = parameter{"selector", "selector",
	"only those that every term matches, such as label.app=db,label.env!=test or name=web-*"}

// list is the command that lists resources. It has flags for what the controller can filter by.
func (v verbs[T, L]) list(parameters ...parameter) *cobra.Command {
	var limit, offset int
	var orderBy string
	var descending bool

	run := func(cmd *cobra.Command, _ []string) error {
		opts := queryOptions(cmd, parameters)
		if orderBy != "" {
			opts = append(opts, client.OrderBy(orderBy, descending))
		}
		if limit != 0 || offset != 0 {
			opts = append(opts, client.Page(limit, offset))
		}

		c, err := v.app.Client()
		if err != nil {
			return err
		}

		list, err := v.requests(c).List(cmd.Context(), opts...)
		if err != nil {
			return err
		}

		return v.kind.WriteList(v.app.Out, v.app.Style, list)
	}

	cmd := v.app.Command(verb(v.kind.Word, "list [flags]", "List "+v.kind.Plural(),
		`  tapctl %[1]s-list
  tapctl %[1]s-list -o wide
  tapctl %[1]s-list --order-by name --limit 20 -o json`, cli.NoArgs, run))

	flags := cmd.Flags()
	for _, p := range parameters {
		flags.String(p.flag, "", p.usage)
	}

	flags.IntVar(&limit, "limit", 0, "maximum number of results (0 = all)")
	flags.IntVar(&offset, "offset", 0, "results to skip")
	flags.StringVar(&orderBy, "order-by", "", "field to order by")
	flags.BoolVar(&descending, "descending", false, "with --order-by: in descending order")
	return cmd
}

// queryOptions are the options of a request for those flags that were given.
func queryOptions(cmd *cobra.Command, parameters []parameter) []client.Option {
	var opts []client.Option
	for _, p := range parameters {
		if !cmd.Flags().Changed(p.flag) {
			continue
		}

		value := cmd.Flags().Lookup(p.flag).Value.String()
		if p.flag == "direction" {
			value = strings.ToUpper(value)
		}
		opts = append(opts, client.Where(p.query, value))
	}

	return opts
}
