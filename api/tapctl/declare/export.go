package declare

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

func export(app *cli.App) *cobra.Command {
	var set string
	cmd := app.Command(cli.Verb{
		Use:   "export [KIND...] [flags]",
		Short: "Print resources as documents for apply",
		Long: `Print resources as documents for apply. Applied to the same controller, they change
nothing. Hosts, declared guests, tap services and tap flows are printed; what was only detected is
not. Resources refer to each other by name, so that the documents can be applied to another
controller.`,
		Example: `  tapctl export > backup.yaml
  tapctl export tap-service tap-flow > mirrors.yaml
  tapctl export --set lab -o json`,
		Args:    cobra.ArbitraryArgs,
		Formats: []string{"yaml", "json"},
		Run: func(cmd *cobra.Command, args []string) error {
			kinds, err := exportedKinds(args)
			if err != nil {
				return err
			}

			c, err := app.Client()
			if err != nil {
				return err
			}

			state, err := cloud.Read(cmd.Context(), c)
			if err != nil {
				return err
			}

			return writeDocuments(app, documents(desired.NewCurrent(state), kinds, set))
		},
	})

	cmd.Flags().StringVar(&set, "set", "", "only resources that this apply set made")
	return cmd
}

// exportedKinds are the kinds that words name, or all, in the order of documents.
func exportedKinds(words []string) ([]string, error) {
	if len(words) == 0 {
		return desired.Kinds[:], nil
	}

	var keys []string
	for _, word := range words {
		key, ok := desired.FindKind(word)
		if !ok {
			return nil, cli.Usage(
				"%q is no kind that can be exported: want host, guest, tap-service or tap-flow",
				word)
		}
		keys = append(keys, key)
	}

	return slices.DeleteFunc(slices.Clone(desired.Kinds[:]), func(key string) bool {
		return !slices.Contains(keys, key)
	}), nil
}

// documents are the documents of some kinds and, unless set is "", of one apply set.
func documents(current *desired.Current, kinds []string, set string) []format.Object {
	docs := []format.Object{}
	for _, key := range kinds {
		for _, e := range current.All {
			if e.Kind == key && (set == "" || e.Set == set) && !e.IsDeleting() {
				docs = append(docs, current.Document(e))
			}
		}
	}
	return docs
}

func writeDocuments(app *cli.App, docs []format.Object) error {
	switch {
	case app.Style.Format == "json":
		return format.JSON(app.Out, struct {
			Items []format.Object `json:"items"`
			Kind  string          `json:"kind"`
		}{docs, "list"})
	case len(docs) == 0:
		_, err := io.WriteString(app.Out, "# nothing to export\n")
		return err
	}
	return format.EncodeAll(app.Out, app.Style, docs)
}
