package picture

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// marks show a status at a glance, in letters that every terminal has.
var marks = map[api.Status]string{
	api.Ready: "ok", api.Pending: "..", api.Error: "!!", api.Disabled: "--",
	kind.Deleting: "..",
}

// Explanation is an explanation as text for people.
func Explanation(x api.Explanation) string {
	var p page
	p.line("%s %s is %s%s",
		kind.Noun(x.Kind), x.Name, strings.ToUpper(string(x.Status)), format.Since(x.Since))

	if x.Reason != "" {
		p.line("  %s", x.Reason)
	}

	if x.ReasonCode != "" {
		p.line("  code %s", x.ReasonCode)
	}
	p.line("  id %s", x.ID)

	p.section("PATH")
	for i, h := range x.Path {
		if i > 0 {
			p.line("        |")
		}
		p.hop(h)
	}

	p.section("COUNTERS")
	for line := range strings.SplitSeq(kind.CounterText(x.Counters), "\n") {
		p.line("  %s", line)
	}

	p.section("CHECKS")
	for _, c := range x.Checks {
		p.check(c)
	}

	p.next(x.Next)
	p.flows(x.Flows)
	for _, s := range x.Switches {
		p.host(s)
	}

	return p.text.String()
}

// next lists what to do.
func (p *page) next(steps []string) {
	if len(steps) == 0 {
		return
	}

	p.section("NEXT")
	for i, step := range steps {
		p.line("  %d. %s", i+1, step)
	}
}

// flows lists the tap flows of a service.
func (p *page) flows(flows []api.FlowLine) {
	if len(flows) == 0 {
		return
	}

	p.section("TAP FLOWS")
	for _, f := range flows {
		captured := string(f.Status) + ", captured " + kind.Traffic(f.Counters.Captured)
		p.line("  %s  %s: %s", marks[f.Status], f.Name, format.First(f.Reason, captured))
	}
}

// page is a text in the making.
type page struct{ text strings.Builder }

// line adds a line. Control characters in it are replaced.
func (p *page) line(text string, args ...any) {
	line := format.Printable(fmt.Sprintf(text, args...))
	p.text.WriteString(strings.TrimRight(line, " ") + "\n")
}

// section adds a title behind a blank line.
func (p *page) section(title string, args ...any) {
	p.text.WriteString("\n")
	p.line(title, args...)
}

func (p *page) check(c api.Check) {
	if c.Status == api.Ready {
		p.line("  %s  %s%s", marks[c.Status], c.What, format.Since(c.Since))
		return
	}

	p.line("  %s  %s: not%s", marks[c.Status], c.What, format.First(format.Since(c.Since), " yet"))
	if c.Reason != "" {
		p.line("      %s", c.Reason)
	}
}

// hop adds a place on the path of the packets.
func (p *page) hop(h api.Hop) {
	detail := func(text string, args ...any) { p.line("        |          "+text, args...) }
	p.line("  %s  %-11s  %s", marks[h.Status], h.What, h.Text)

	var at []string
	for _, part := range []struct{ name, value string }{
		{"host", h.Host}, {"bridge", h.Bridge}, {"port", h.Port},
	} {
		if part.value != "" {
			at = append(at, part.name+" "+part.value)
		}
	}

	if h.OFPort != 0 {
		at = append(at, fmt.Sprintf("ofport %d", h.OFPort))
	}
	if len(at) > 0 {
		detail("%s", strings.Join(at, ", "))
	}

	if h.Found != "" {
		detail("found by %s", h.Found)
	}

	if h.Count != nil {
		remark := ""
		if h.What == "mirror" {
			remark = ", updated by Open vSwitch every 5 s"
		}
		detail("%d packets, %s%s", h.Count.Packets, format.Scaled(float64(h.Count.Bytes), "B"),
			remark)
	}

	if h.Reason != "" {
		detail("%s: %s", h.Status, h.Reason)
	}
}

// host adds what stands on the switch of a host.
func (p *page) host(s api.Switch) {
	p.section("HOST %s", s.Host)
	p.line("  status    %s %s", s.Status, s.Reason)
	if s.OVSVersion != "" {
		p.line("  switch    Open vSwitch %s, tunnel address %s", s.OVSVersion,
			format.OrDash(s.TunnelIP))
	}

	p.connection("OVSDB", s.OVSDB)
	p.connection("OpenFlow", s.OpenFlow)

	for _, r := range s.Rows {
		p.line("  %-8s  %s %s %s", rowState(r.State), r.Table, r.Name, r.UUID)
		p.line("            %s", r.Text)
	}

	for _, f := range s.Flows {
		p.line("  %-8s  %s", rowState(f.State), f.Text)
	}

	if s.FlowsError != "" {
		p.line("  flows could not be read: %s", s.FlowsError)
	}
}

func (p *page) connection(name string, c api.Connection) {
	if c.Connected {
		p.line("  %-8s  connected%s", name, format.Since(c.Since))
	} else {
		p.line("  %-8s  NOT CONNECTED%s: %s", name, format.Since(c.Since), c.Problem)
	}
}

// rowState is the state of a row or flow, in capitals if it is not as it should be.
func rowState(state string) string {
	if state == "stands" {
		return state
	}
	return strings.ToUpper(state)
}
