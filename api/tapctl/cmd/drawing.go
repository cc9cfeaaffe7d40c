package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
)

// The forms in which a topology is drawn.

// branch is a line of a tree and what hangs on it.
type branch struct {
	text string
	sub  []branch
}

func writeTree(w io.Writer, t topology) error {
	var b strings.Builder
	for _, h := range t.Hosts {
		growHost(h).write(&b, "", "", "")
	}
	var tunnels, loose []branch
	for _, way := range t.Tunnels {
		tunnels = append(tunnels, branch{text: fmt.Sprintf("%s -> %s  %s", way.From, way.To, strings.Join(way.Flows, ", "))})
	}
	for _, s := range t.Unplaced.Services {
		loose = append(loose, branch{text: serviceLine(s)})
	}
	for _, f := range t.Unplaced.Flows {
		loose = append(loose, branch{text: flowLine(f)})
	}
	if len(tunnels) > 0 {
		branch{"tunnels", tunnels}.write(&b, "", "", "")
	}
	if len(loose) > 0 {
		branch{"on no host", loose}.write(&b, "", "", "")
	}
	if b.Len() == 0 {
		b.WriteString("nothing: no host is registered\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (n branch) write(b *strings.Builder, lead, stem, below string) {
	b.WriteString(lead + stem + printable(n.text) + "\n")
	for i, sub := range n.sub {
		if i == len(n.sub)-1 {
			sub.write(b, lead+below, "└── ", "    ")
		} else {
			sub.write(b, lead+below, "├── ", "│   ")
		}
	}
}

func growHost(h topoHost) branch {
	out := branch{text: words(h.Name, standing(h.Status, h.Reason), labelled("tunnel", h.TunnelIP), labelled("ovs", h.OVSVersion))}
	for _, bridge := range h.Bridges {
		n := branch{text: words("bridge "+bridge.Name, labelled("wires", strings.Join(bridge.Wires, ", ")), labelled("uplinks", strings.Join(bridge.Uplinks, ", ")))}
		for _, f := range bridge.Flows {
			n.sub = append(n.sub, branch{text: flowLine(f)})
		}
		out.sub = append(out.sub, n)
	}
	for _, s := range h.Services {
		out.sub = append(out.sub, branch{text: serviceLine(s)})
	}
	return out
}

func flowLine(f topoFlow) string {
	to := "-> " + f.Service
	switch {
	case f.Tunnel:
		to += " on " + f.To + " (tunnel)"
	case f.To != "":
		to += " (local)"
	}
	return words("tap flow "+f.Name, f.Type+" "+f.Source, labelled("port", f.Port), f.Direction, to, standing(f.Status, f.Reason))
}

func serviceLine(s topoService) string {
	return words("tap service "+s.Name, s.Type+" "+s.Target, labelled("NIC", strings.TrimSpace(s.IfName+" "+s.MAC)),
		counted(s.Flows, "flow"), standing(s.Status, s.Reason))
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func standing(s api.Status, reason string) string {
	if reason == "" {
		return string(s)
	}
	return string(s) + ": " + reason
}

func labelled(label, text string) string {
	if text == "" {
		return ""
	}
	return label + " " + text
}

// words joins those that are not empty.
func words(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "  ")
}

// colour is that of a status in a drawing.
func colour(s api.Status) string {
	return map[api.Status]string{api.Ready: "darkgreen", api.Error: "red", api.Pending: "orange", api.Disabled: "gray"}[s]
}

// writeDot draws for Graphviz (the DOT language).
func writeDot(w io.Writer, t topology) error {
	var b strings.Builder
	b.WriteString("digraph tapline {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	node := func(indent, id, label string, s api.Status, shape string) {
		fmt.Fprintf(&b, "%s%s [label=%s, shape=%s%s];\n", indent, quoted(id), quoted(label), shape, coloured(s))
	}
	edges := ""
	edge := func(from string, f topoFlow) {
		style := ""
		if f.Tunnel {
			style = ", penwidth=2"
		}
		edges += fmt.Sprintf("  %s -> %s [label=%s%s%s];\n", quoted(from), quoted("service "+f.Service),
			quoted(f.Name+"\n"+f.Direction+" "+string(f.Status)), coloured(f.Status), style)
	}
	for _, h := range t.Hosts {
		fmt.Fprintf(&b, "  subgraph %s {\n    label=%s;\n", quoted("cluster "+h.Name), quoted(h.Name+" "+string(h.Status)))
		for _, bridge := range h.Bridges {
			id := "bridge " + h.Name + " " + bridge.Name
			node("    ", id, words(bridge.Name, strings.Join(bridge.Wires, ", ")), "", "box")
			for _, f := range bridge.Flows {
				from := "source " + f.ID
				node("    ", from, f.Source, f.Status, "ellipse")
				edges += fmt.Sprintf("  %s -> %s [arrowhead=none, style=dotted];\n", quoted(id), quoted(from))
				edge(from, f)
			}
		}
		for _, s := range h.Services {
			node("    ", "service "+s.Name, s.Name+"\n"+s.Type+" "+s.Target, s.Status, "component")
		}
		b.WriteString("  }\n")
	}
	for _, s := range t.Unplaced.Services {
		node("  ", "service "+s.Name, s.Name+"\n"+s.Type+" "+s.Target, s.Status, "component")
	}
	for _, f := range t.Unplaced.Flows {
		node("  ", "source "+f.ID, f.Source, f.Status, "ellipse")
		edge("source "+f.ID, f)
	}
	b.WriteString(edges + "}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted is a string of the DOT language, whose only escapes that matter are those of quote, backslash and line break.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(printableLines(s)) + `"`
}

func coloured(s api.Status) string {
	if c := colour(s); c != "" {
		return ", color=" + c
	}
	return ""
}

// printableLines is printable, line by line.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// writeMermaid draws for Mermaid, which README files and wikis show.
func writeMermaid(w io.Writer, t topology) error {
	var b strings.Builder
	ids := map[string]string{}
	id := func(what string) string { // Mermaid has few characters for ids.
		if ids[what] == "" {
			ids[what] = "n" + strconv.Itoa(len(ids)+1)
		}
		return ids[what]
	}
	var edges, classes string
	text := func(s string) string {
		return strings.ReplaceAll(strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "&#35;").Replace(printableLines(s)), "\n", "<br/>")
	}
	node := func(indent, what, label string, s api.Status, open, end string) {
		fmt.Fprintf(&b, "%s%s%s\"%s\"%s\n", indent, id(what), open, text(label), end)
		if s != "" {
			classes += fmt.Sprintf("  class %s %s\n", id(what), s)
		}
	}
	edge := func(from string, f topoFlow) {
		arrow := "-->"
		if f.Tunnel {
			arrow = "==>"
		}
		edges += fmt.Sprintf("  %s %s|\"%s\"| %s\n", id(from), arrow, text(f.Name+" "+f.Direction+" "+string(f.Status)), id("service "+f.Service))
	}
	b.WriteString("graph LR\n")
	for _, h := range t.Hosts {
		fmt.Fprintf(&b, "  subgraph %s[\"%s\"]\n", id("host "+h.Name), text(h.Name+" "+string(h.Status)))
		for _, bridge := range h.Bridges {
			at := "bridge " + h.Name + " " + bridge.Name
			node("    ", at, words(bridge.Name, strings.Join(bridge.Wires, ", ")), "", "[", "]")
			for _, f := range bridge.Flows {
				node("    ", "source "+f.ID, f.Source, f.Status, "([", "])")
				edges += fmt.Sprintf("  %s -.- %s\n", id(at), id("source "+f.ID))
				edge("source "+f.ID, f)
			}
		}
		for _, s := range h.Services {
			node("    ", "service "+s.Name, s.Name+"\n"+s.Type+" "+s.Target, s.Status, "[[", "]]")
		}
		b.WriteString("  end\n")
	}
	for _, s := range t.Unplaced.Services {
		node("  ", "service "+s.Name, s.Name+"\n"+s.Type+" "+s.Target, s.Status, "[[", "]]")
	}
	for _, f := range t.Unplaced.Flows {
		node("  ", "source "+f.ID, f.Source, f.Status, "([", "])")
		edge("source "+f.ID, f)
	}
	b.WriteString(edges + classes)
	for _, s := range []api.Status{api.Ready, api.Pending, api.Error, api.Disabled} {
		fmt.Fprintf(&b, "  classDef %s stroke:%s\n", s, colour(s))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
