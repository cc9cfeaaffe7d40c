package picture

import (
	"fmt"
	"io"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Dot draws a topology in the DOT language of Graphviz.
func Dot(w io.Writer, t Topology) error {
	d := &dot{indent: "  "}
	draw(d, t)

	_, err := io.WriteString(w, `digraph tapline {
  rankdir=LR;
  node [shape=box, fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
`+d.nodes.String()+d.edges.String()+"}\n")
	return err
}

// dot is a canvas for Graphviz.
type dot struct {
	nodes, edges strings.Builder // edges follow all nodes, so that they open no host
	indent       string
}

func (d *dot) beginHost(name, label string) {
	fmt.Fprintf(&d.nodes, "  subgraph %s {\n    label=%s;\n", dotText("cluster "+name),
		dotText(label))
	d.indent = "    "
}

func (d *dot) endHost() {
	d.nodes.WriteString("  }\n")
	d.indent = "  "
}

func (d *dot) node(n node) {
	shapes := map[shape]string{
		bridgeShape:  "box",
		sourceShape:  "ellipse",
		serviceShape: "component",
	}
	fmt.Fprintf(&d.nodes, "%s%s [label=%s, shape=%s%s];\n",
		d.indent, dotText(n.id), dotText(n.label), shapes[n.shape], dotColour(n.status))
}

func (d *dot) edge(e edge) {
	if e.status == "" {
		fmt.Fprintf(&d.edges, "  %s -> %s [arrowhead=none, style=dotted];\n", dotText(e.from),
			dotText(e.to))
		return
	}

	width := ""
	if e.tunnel {
		width = ", penwidth=2"
	}

	fmt.Fprintf(&d.edges, "  %s -> %s [label=%s%s%s];\n",
		dotText(e.from), dotText(e.to), dotText(e.label), dotColour(e.status), width)
}

// dotText is a string of the DOT language. The escapes that matter are quote, backslash and line
// break.
func dotText(s string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	return `"` + escape.Replace(format.PrintableLines(s)) + `"`
}

func dotColour(s api.Status) string {
	if colour := colours[s]; colour != "" {
		return ", color=" + colour
	}
	return ""
}
