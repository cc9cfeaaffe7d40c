package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *App) addExport(root *cobra.Command) {
	var set string
	cmd := a.command("export [KIND...] [flags]", "Print resources as documents that apply takes",
		`  tapctl export > backup.yaml
  tapctl export tap-service tap-flow > mirrors.yaml
  tapctl export --set lab -o json`,
		cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
			kinds, err := kindsOf(args)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			seen, err := readCloud(cmd.Context(), c)
			if err != nil {
				return err
			}
			stock := newStock(seen)
			var docs [][]field
			for _, kind := range kinds {
				for _, e := range stock.all {
					if e.kind == kind && (set == "" || e.set == set) {
						docs = append(docs, stock.document(e))
					}
				}
			}
			return a.writeDocuments(docs)
		})
	cmd.Long = `Print resources as documents that apply takes: applied where they come from, they change nothing. Hosts, declared guests, tap
services and tap flows are printed; what is learned from switches is not. Others are called by their names, so that the
documents can be applied at another controller.`
	cmd.Flags().StringVar(&set, "set", "", "only what this apply set made")
	a.writes(cmd, "yaml", "json")
	root.AddCommand(cmd)
}

// kindsOf are the kinds that words name, or all, in their order.
func kindsOf(words []string) ([]string, error) {
	if len(words) == 0 {
		return kindOrder[:], nil
	}
	var out []string
	for _, word := range words {
		k, found := findKind(word)
		if !found || k.word == "wire" {
			return nil, usage("%q is no kind that can be exported: want host, guest, tap-service or tap-flow", word)
		}
		out = append(out, k.key())
	}
	slices.SortFunc(out, func(a, b string) int { return slices.Index(kindOrder[:], a) - slices.Index(kindOrder[:], b) })
	return slices.Compact(out), nil
}

// document is a resource as a file describes it.
func (s *stock) document(e *existing) []field {
	out := []field{{"kind", e.kind}, {"name", e.name}}
	order := []string{"id", "type", "target_id", "guest_id", "host_id", "wire_id", "vlan_id", "mac_addr", "ip_addr", "direction", "tap_id",
		"ovsdb", "tunnel_ip", "wires", "uplinks", "nics", "enabled"}
	for _, name := range order {
		value := e.fields[name]
		if empty(value) {
			continue
		}
		if id, ok := value.(string); ok && strings.HasSuffix(name, "_id") {
			value = s.refOf(name, id)
		}
		ordered, err := tree(value)
		if err != nil {
			panic(err) // It came as JSON.
		}
		out = append(out, field{name, ordered})
	}
	return out
}

func (a *App) writeDocuments(docs [][]field) error {
	if a.output == "json" {
		return writeJSON(a.Out, map[string]any{"kind": "list", "items": objectsOf(docs)})
	}
	var b strings.Builder
	for i, doc := range docs {
		if i > 0 {
			b.WriteString("---\n")
		}
		for _, f := range doc {
			writeField(&b, f, "", "")
		}
	}
	if len(docs) == 0 {
		b.WriteString("# nothing to export\n")
	}
	if _, err := io.WriteString(a.Out, b.String()); err != nil {
		return fmt.Errorf("the output: %w", err)
	}
	return nil
}

// objectsOf are documents as encoding/json writes them.
func objectsOf(docs [][]field) []any {
	out := []any{}
	for _, doc := range docs {
		out = append(out, objectOf(doc))
	}
	return out
}

func objectOf(v any) any {
	switch v := v.(type) {
	case []field:
		out := map[string]any{}
		for _, f := range v {
			out[f.name] = objectOf(f.value)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, objectOf(item))
		}
		return out
	}
	return v
}
