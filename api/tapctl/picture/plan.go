package picture

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Plan is a plan as text for people.
func Plan(p api.Plan) string {
	var b strings.Builder
	for _, h := range p.Hosts {
		fmt.Fprintf(&b, "host %s\n", format.Printable(h.Name))
		for _, item := range h.Items {
			writeItem(&b, item)
		}
	}

	if len(p.Hosts) == 0 {
		b.WriteString("no switch would be changed\n")
	}

	for _, r := range p.Resources {
		fmt.Fprintln(&b, format.Printable(resourceLine(r)))
	}

	return b.String()
}

// writeItem writes an object on a switch that would be added, changed or removed.
func writeItem(b *strings.Builder, item api.PlannedItem) {
	signs := map[string]string{"add": "+", "change": "~", "remove": "-"}

	text := item.Text
	switch item.Kind {
	case "bridge", "port", "mirror":
		text = item.Name + "  " + item.Text
	}
	if len(item.For) > 0 {
		text += "  (for " + strings.Join(item.For, ", ") + ")"
	}

	fmt.Fprintf(b, "  %s %-6s  %s\n", signs[item.Action], item.Kind, format.Printable(text))
	if item.Was != "" {
		fmt.Fprintf(b, "    was     %s\n", format.Printable(item.Was))
	}
}

// resourceLine says how a resource would stand after the change.
func resourceLine(r api.PlannedResource) string {
	line := kind.Word(r.Kind) + "/" + r.Name
	if r.Action != "" {
		line += " " + r.Action
	}

	was, is := health(r.Before.Status, r.Before.Reason), health(r.After.Status, r.After.Reason)
	switch {
	case was != "" && is != "" && was != is:
		line += ": " + was + " -> " + is
	case is != "":
		line += ": " + is
	case was != "":
		line += ": was " + was
	}

	return line + memberText("joins", r.Joins) + memberText("leaves", r.Leaves)
}

// shownMembers is how many NICs that join or leave a tap flow are named.
const shownMembers = 8

// memberText names NICs that join or leave a tap flow with a selector; "" if there are none.
func memberText(verb string, nics []string) string {
	if len(nics) == 0 {
		return ""
	}
	text := "; " + verb + ": " + strings.Join(nics[:min(len(nics), shownMembers)], ", ")
	if more := len(nics) - shownMembers; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
