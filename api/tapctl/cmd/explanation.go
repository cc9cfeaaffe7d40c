package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
)

func (a *App) addExplanations(root *cobra.Command) {
	cmd := a.command("explain tap-flow|tap-service ID [flags]", "Explain a tap flow or a tap service: the way of its packets, what is missing, what to do",
		`  tapctl explain tap-flow web
  tapctl explain tap-flow/web
  tapctl explain tap-service ids -o yaml
  tapctl explain tap-flow web -o json | jq '.checks[] | select(.status != "ready")'`,
		cobra.RangeArgs(1, 2), func(cmd *cobra.Command, args []string) error {
			if word, ref, one := strings.Cut(args[0], "/"); len(args) == 1 && one {
				args = []string{word, ref}
			}
			if len(args) != 2 || args[1] == "" {
				return usage("want tap-flow ID or tap-service ID")
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			var x api.Explanation
			switch strings.TrimSuffix(strings.ReplaceAll(args[0], "_", "-"), "s") {
			case "tap-flow":
				x, err = c.TapFlows().Explain(cmd.Context(), args[1])
			case "tap-service":
				x, err = c.TapServices().Explain(cmd.Context(), args[1])
			default:
				return usage("%q cannot be explained: want tap-flow or tap-service", args[0])
			}
			if err != nil {
				return err
			}
			if f := formats()[a.output]; f.encode != nil {
				return f.encode(a.Out, x)
			}
			_, err = fmt.Fprint(a.Out, explanationText(x))
			return err
		})
	cmd.Long = `Explain a tap flow or a tap service.

The way of its packets from the source to the collector, with what each place has counted; what must hold for it, and since
when it does or does not; what to do next; and the rows and flows that stand on the switches, as ovs-vsctl and ovs-ofctl name them.`
	a.writes(cmd, "table", "json", "yaml")
	root.AddCommand(cmd)
}

// page is a text in the making.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(printable(fmt.Sprintf(format, args...)), " ") + "\n")
}

// marks tell at a glance what holds. They are letters that every terminal has.
func marks() map[api.Status]string {
	return map[api.Status]string{api.Ready: "ok", api.Pending: "..", api.Error: "!!", api.Disabled: "--"}
}

// explanationText is an explanation for people.
func explanationText(x api.Explanation) string {
	var p page
	p.line("%s %s is %s%s", strings.ReplaceAll(x.Kind, "_", " "), x.Name, strings.ToUpper(string(x.Status)), since(x.Since))
	if x.Reason != "" {
		p.line("  %s", x.Reason)
	}
	p.line("  id %s", x.ID)

	p.WriteString("\n")
	p.line("PATH")
	for i, h := range x.Path {
		if i > 0 {
			p.line("        |")
		}
		p.hop(h)
	}
	p.WriteString("\n")
	p.line("COUNTERS")
	for text := range strings.SplitSeq(counterText(x.Counters), "\n") {
		p.line("  %s", text)
	}
	p.WriteString("\n")
	p.line("CHECKS")
	for _, c := range x.Checks {
		if c.Status == api.Ready {
			p.line("  ok  %s%s", c.What, since(c.Since))
		} else {
			p.line("  %s  %s: not%s", marks()[c.Status], c.What, first(since(c.Since), " yet"))
		}
		if c.Status != api.Ready && c.Reason != "" {
			p.line("      %s", c.Reason)
		}
	}
	if len(x.Next) > 0 {
		p.WriteString("\n")
		p.line("NEXT")
		for i, next := range x.Next {
			p.line("  %d. %s", i+1, next)
		}
	}
	if len(x.Flows) > 0 {
		p.WriteString("\n")
		p.line("TAP FLOWS")
		for _, f := range x.Flows {
			p.line("  %s  %s: %s", marks()[f.Status], f.Name, first(f.Reason, string(f.Status)+", captured "+flowing(f.Counters.Captured)))
		}
	}
	for _, s := range x.Switches {
		p.sw(s)
	}
	return p.String()
}

func (p *page) hop(h api.Hop) {
	p.line("  %s  %-11s  %s", marks()[h.Status], h.What, h.Text)
	var at []string
	for _, part := range []struct{ name, value string }{{"host", h.Host}, {"bridge", h.Bridge}, {"port", h.Port}} {
		if part.value != "" {
			at = append(at, part.name+" "+part.value)
		}
	}
	if h.OFPort != 0 {
		at = append(at, fmt.Sprintf("ofport %d", h.OFPort))
	}
	if len(at) > 0 {
		p.line("        |          %s", strings.Join(at, ", "))
	}
	if h.Found != "" {
		p.line("        |          found by %s", h.Found)
	}
	if h.Count != nil {
		of := ""
		if h.What == "mirror" {
			of = " (which Open vSwitch tells every 5 s)"
		}
		p.line("        |          %d packets, %s%s", h.Count.Packets, scaled(float64(h.Count.Bytes), "B"), of)
	}
	if h.Reason != "" {
		p.line("        |          %s: %s", h.Status, h.Reason)
	}
}

func (p *page) sw(s api.Switch) {
	p.WriteString("\n")
	p.line("HOST %s", s.Host)
	p.line("  status    %s %s", s.Status, s.Reason)
	if s.OVSVersion != "" {
		p.line("  switch    Open vSwitch %s, tunnel address %s", s.OVSVersion, orDash(s.TunnelIP))
	}
	for _, c := range []struct {
		name string
		api.Connection
	}{{"OVSDB", s.OVSDB}, {"OpenFlow", s.OpenFlow}} {
		if c.Connected {
			p.line("  %-8s  connected%s", c.name, since(c.Since))
		} else {
			p.line("  %-8s  NOT CONNECTED%s: %s", c.name, since(c.Since), c.Problem)
		}
	}
	for _, r := range s.Rows {
		p.line("  %-8s  %s %s %s", state(r.State), r.Table, r.Name, r.UUID)
		p.line("            %s", r.Text)
	}
	for _, f := range s.Flows {
		p.line("  %-8s  %s", state(f.State), f.Text)
	}
	if s.FlowsError != "" {
		p.line("  flows could not be read: %s", s.FlowsError)
	}
}

// state makes what is not as it should be stand out.
func state(s string) string {
	if s == "stands" {
		return s
	}
	return strings.ToUpper(s)
}

// since is a time in a sentence.
func since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " since " + moment(*t)
}
