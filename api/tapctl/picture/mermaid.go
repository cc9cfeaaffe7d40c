package picture

import (
	"fmt"
	"io"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Mermaid draws a topology in the language of Mermaid, which wikis and README files show.
func Mermaid(w io.Writer, t Topology) error {
	m := &mermaid{indent: "  ", ids: map[string]string{}}
	draw(m, t)

	for _, s := range []api.Status{
		api.Ready, api.Pending, api.Error, api.Disabled, kind.Deleting,
	} {
		fmt.Fprintf(&m.classes, "  classDef %s stroke:%s\n", s, colours[s])
	}
	_, err := io.WriteString(w, "graph LR\n"+m.nodes.String()+m.edges.String()+m.classes.String())
	return err
}

// mermaid is a canvas for Mermaid.
type mermaid struct {
	nodes, edges, classes strings.Builder
	indent                string
	ids                   map[string]string
}

// id is a short id: Mermaid allows few characters in ids.
func (m *mermaid) id(long string) string {
	if m.ids[long] == "" {
		m.ids[long] = fmt.Sprintf("n%d", len(m.ids)+1)
	}
	return m.ids[long]
}

func (m *mermaid) beginHost(name, label string) {
	fmt.Fprintf(&m.nodes, "  subgraph %s[\"%s\"]\n", m.id("host "+name), mermaidText(label))
	m.indent = "    "
}

func (m *mermaid) endHost() {
	m.nodes.WriteString("  end\n")
	m.indent = "  "
}

func (m *mermaid) node(n node) {
	brackets := map[shape][2]string{
		bridgeShape: {"[", "]"}, sourceShape: {"([", "])"}, serviceShape: {"[[", "]]"},
	}[n.shape]

	fmt.Fprintf(&m.nodes, "%s%s%s\"%s\"%s\n",
		m.indent, m.id(n.id), brackets[0], mermaidText(n.label), brackets[1])
	if n.status != "" {
		fmt.Fprintf(&m.classes, "  class %s %s\n", m.id(n.id), n.status)
	}
}

func (m *mermaid) edge(e edge) {
	from, to := m.id(e.from), m.id(e.to)
	if e.status == "" {
		fmt.Fprintf(&m.edges, "  %s -.- %s\n", from, to)
		return
	}

	arrow := "-->"
	if e.tunnel {
		arrow = "==>"
	}

	label := strings.ReplaceAll(e.label, "\n", " ")
	fmt.Fprintf(&m.edges, "  %s %s|\"%s\"| %s\n", from, arrow, mermaidText(label), to)
}

// mermaidText is a quoted text of Mermaid, whose escapes are those of HTML.
func mermaidText(s string) string {
	escape := strings.NewReplacer(
		"&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "&#35;", "\n", "<br/>")
	return escape.Replace(format.PrintableLines(s))
}
