package cmd

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api"
)

func (a *App) addPlan(root *cobra.Command) {
	var f sourceFlags
	cmd := a.command("plan [flags] VERB...\n  tapctl plan [flags] -f FILE|-|DIR...", "Show what a change would do on which host, and change nothing",
		`  tapctl plan tap-flow-create --type vnic --guest-id web-vm --tap-id ids web
  tapctl plan tap-service-disable ids
  tapctl plan host-update h1 --wire net1=br1
  tapctl plan -f lab.yaml --prune
  tapctl plan -o json tap-flow-delete web db`,
		cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
			switch {
			case len(f.files) > 0 && len(args) > 0:
				return usage("-f goes without a verb")
			case len(f.files) == 0 && len(args) == 0:
				return usage("want a verb that changes something, such as tap-flow-create with its flags, or -f FILE")
			case len(f.files) > 0:
				p, err := a.prepare(cmd.Context(), f)
				if err != nil {
					return err
				}
				plan, err := try(cmd.Context(), p.client, p.steps)
				if err != nil {
					return err
				}
				return a.writePlan(plan)
			}
			return a.planVerb(cmd, args)
		})
	cmd.Long = `Show what a change would do: the ports, mirrors, tunnels and flows that would be added, changed or removed on each host, and
how tap services and tap flows would stand once the switches have them. Nothing is stored and no switch is touched.

The change is that of any verb that creates, updates, enables, disables or deletes, with its flags, or of documents as apply takes
them. Names of ports and mirrors derive from ids: those of what does not exist yet are examples.`
	f.bind(cmd)
	cmd.Flags().SetInterspersed(false) // What follows the verb is its own.
	a.writes(cmd, "text", "json", "yaml")
	root.AddCommand(cmd)
}

// planVerb runs a verb whose requests are kept back, and plans them.
func (a *App) planVerb(cmd *cobra.Command, args []string) error {
	kept := &keeper{}
	inner := *a
	inner.Out, inner.keep, inner.started, inner.outcome, inner.Live = io.Discard, kept, false, 0, false
	var line []string
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != "output" {
			line = append(line, "--"+f.Name+"="+f.Value.String())
		}
	})
	root := inner.root()
	line = append(line, joined(root, args)...)
	root.SetArgs(line)
	called, err := root.ExecuteContextC(cmd.Context())
	switch {
	case err != nil && !inner.started:
		return usage("%s: %v", called.CommandPath(), oneLine(err))
	case err != nil:
		return err
	case len(kept.changes) == 0:
		return usage("%s changes nothing: want a verb that creates, updates, enables, disables or deletes", called.Name())
	}
	if said := called.Flags().Lookup("output"); said.Changed {
		a.output = said.Value.String()
	}
	// The verb may have said where the controller is.
	inner.keep = nil
	c, err := inner.client()
	if err != nil {
		return err
	}
	plan, err := c.Plan(cmd.Context(), kept.changes)
	if err != nil {
		return err
	}
	return a.writePlan(plan)
}

// keeper keeps back the requests of a verb that would change something, and answers them as if they were done.
type keeper struct {
	next    http.RoundTripper
	changes []api.PlannedChange
}

// RoundTrip implements http.RoundTripper.
func (k *keeper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return k.next.RoundTrip(req)
	}
	change, err := plannedChange(req)
	if err != nil {
		return nil, err
	}
	k.changes = append(k.changes, change)
	status := map[string]int{"create": http.StatusCreated, "delete": http.StatusNoContent}[change.Action]
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader("{}")), Request: req,
	}, nil
}

// plannedChange is the change that a request would make.
func plannedChange(req *http.Request) (api.PlannedChange, error) {
	_, path, found := strings.Cut(req.URL.EscapedPath(), api.Prefix+"/")
	parts := strings.Split(path, "/")
	k, known := findKind(parts[0])
	if !found || !known {
		return api.PlannedChange{}, &localError{err: fmt.Errorf("%s %s cannot be planned", req.Method, req.URL.Path),
			next: "plan hosts, guests, wires, tap services and tap flows"}
	}
	out := api.PlannedChange{Kind: k.key()}
	out.Action = map[string]string{http.MethodPost: "create", http.MethodPatch: "update", http.MethodDelete: "delete"}[req.Method]
	var err error
	if len(parts) > 1 {
		if out.Ref, err = url.PathUnescape(parts[1]); err != nil {
			return api.PlannedChange{}, err
		}
	}
	if len(parts) > 2 {
		out.Action = parts[2]
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return api.PlannedChange{}, err
		}
		if len(bytes.TrimSpace(body)) > 0 {
			out.Body = body
		}
	}
	return out, nil
}

// writePlan prints a plan.
func (a *App) writePlan(p api.Plan) error {
	if f := formats()[a.output]; f.encode != nil {
		return f.encode(a.Out, p)
	}
	var b strings.Builder
	signs := map[string]string{"add": "+", "change": "~", "remove": "-"}
	for _, h := range p.Hosts {
		fmt.Fprintf(&b, "host %s\n", printable(h.Name))
		for _, i := range h.Items {
			text := i.Text
			if i.Kind != "flow" && i.Kind != "tunnel" {
				text = i.Name + "  " + i.Text
			}
			if len(i.For) > 0 {
				text += "  (for " + strings.Join(i.For, ", ") + ")"
			}
			fmt.Fprintf(&b, "  %s %-6s  %s\n", signs[i.Action], i.Kind, printable(text))
			if i.Was != "" {
				fmt.Fprintf(&b, "    was     %s\n", printable(i.Was))
			}
		}
	}
	if len(p.Hosts) == 0 {
		b.WriteString("no switch would be changed\n")
	}
	for _, r := range p.Resources {
		line := strings.ReplaceAll(r.Kind, "_", "-") + "/" + r.Name
		if r.Action != "" {
			line += " " + r.Action
		}
		was, is := standing(r.Before.Status, r.Before.Reason), standing(r.After.Status, r.After.Reason)
		switch {
		case was != "" && is != "" && was != is:
			line += ": " + was + " -> " + is
		case is != "":
			line += ": " + is
		case was != "":
			line += ": was " + was
		}
		fmt.Fprintln(&b, printable(line))
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}
