// Command example shows how an SDN controller of one's own loads a mirror plugin: it starts the
// plugin, tells it two hosts, a guest on each, and what is to be mirrored, and prints the programs
// that the plugin answers with. A real controller applies them to its switches, tells what it then
// observes, and so gets the next programs, for as long as it runs.
//
//	make build && go run ./plugin/example bin/tapline-mirror
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: example PATH-OF-TAPLINE-MIRROR")
		os.Exit(2)
	}

	if err := run(ctx, os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, path string, out io.Writer) error {
	p, err := plugin.Launch(ctx, plugin.Spec{
		Name: "mirror", Path: path, Config: []byte(`{"bridge": "brtap"}`),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	defer p.Kill()

	fmt.Fprintf(out, "plugin %s %s\n", p.Description.Name, p.Description.Version)

	// Changes go in as they happen, results come out as they follow.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	changes, results, ended := make(chan tap.Change), make(chan tap.Result), make(chan error, 1)
	go func() {
		ended <- p.Run(ctx, changes, func(r tap.Result) error {
			select {
			case results <- r:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()

	for _, change := range []tap.Change{snapshot(), moved()} {
		select {
		case changes <- change:
		case err := <-ended:
			return err
		}
		select {
		case r := <-results:
			printResult(out, r)
		case err := <-ended:
			return err
		}
	}

	// A check answers what a user is told before anything is stored.
	_, err = p.Check(ctx, moved().Revision, tap.Resource{Flow: &tap.Flow{
		ID: "f2", Name: "self", TapID: "ids", Type: tap.FlowVNIC, GuestID: "analysis",
		Direction: tap.Both,
	}})

	fmt.Fprintf(out, "\nCheck of a flow from guest analysis to its own tap service:\n  %v\n", err)
	close(changes)
	return <-ended
}

// snapshot is all that the controller knows: guest web on h1 is mirrored to the extra NIC of guest
// analysis on h2.
func snapshot() tap.Change {
	host := func(id, addr string, ports ...tap.TapPort) tap.Host {
		return tap.Host{
			ID: id, Name: id, TunnelIP: netip.MustParseAddr(addr), Observed: true, Connected: true,
			TapPorts: ports,
			Bridges: []tap.Bridge{{Name: "br0", DatapathType: "system",
				Uplinks: []string{"eth0"}}},
			Wires: map[string]string{"net0": "br0"},
		}
	}

	extra := mac("02:74:61:00:00:01")
	return tap.Change{
		Revision: 1, Reset: true,
		Hosts: []tap.Host{
			host("h1", "192.0.2.1"),
			host("h2", "192.0.2.2", tap.TapPort{Name: "tapids", OFPort: 4, MAC: extra}),
		},
		Guests: []tap.Guest{
			{ID: "web", Name: "web", NICs: []tap.NIC{{MAC: mac("52:54:00:00:00:01"),
				Locations: []tap.Location{{Host: "h1", Bridge: "br0", Port: "vnet0", OFPort: 3}}}}},
			{ID: "analysis", Name: "analysis", NICs: []tap.NIC{{MAC: mac("52:54:00:00:00:02"),
				Locations: []tap.Location{{Host: "h2", Bridge: "br0", Port: "vnet1", OFPort: 5}}}}},
		},
		Services: []tap.Service{
			{ID: "ids", Name: "ids", Type: tap.ServiceGuest, TargetID: "analysis", MAC: extra,
				IfName: "tapids", Enabled: true, Key: 7},
		},
		Attachments: []tap.Attachment{{ServiceID: "ids",
			Locations: []tap.Location{{Host: "h2", Bridge: "brtap", Port: "tapids", OFPort: 4}}}},
		Flows: []tap.Flow{
			{ID: "f1", Name: "web", TapID: "ids", Type: tap.FlowVNIC, GuestID: "web",
				MAC: mac("52:54:00:00:00:01"), Direction: tap.Both, Enabled: true},
		},
	}
}

// moved says that guest web was migrated to h2: only what differs is told.
func moved() tap.Change {
	return tap.Change{Revision: 2, Guests: []tap.Guest{{ID: "web", Name: "web", NICs: []tap.NIC{
		{MAC: mac("52:54:00:00:00:01"), Locations: []tap.Location{{Host: "h2", Bridge: "br0",
			Port: "vnet9", OFPort: 6}}}}}}}
}

func mac(s string) tap.MAC {
	m, err := tap.ParseMAC(s)
	if err != nil {
		panic(err) // The literals above are right.
	}
	return m
}

func printResult(out io.Writer, r tap.Result) {
	fmt.Fprintf(out, "\nRevision %d\n", r.Revision)
	for _, p := range r.Programs {
		fmt.Fprintf(out, "  program of %s, bridge %s\n", p.Host, p.Bridge.Name)
		for _, port := range p.Ports {
			fmt.Fprintf(out, "    port   %s on %s%s\n", port.Name, port.Bridge, options(port))
		}

		for _, m := range p.Mirrors {
			fmt.Fprintf(out, "    mirror %s on %s from %s to %s into %s\n", m.Name, m.Bridge,
				list(m.SelectSrc), list(m.SelectDst), m.Output)
		}

		for _, f := range p.Flows {
			fmt.Fprintf(out, "    flow   %s\n", flow(f.Mod))
		}
	}

	for _, s := range r.Statuses {
		fmt.Fprintf(out, "  %s %s is %s %s", s.Kind, s.ID, s.State, s.Reason)
		for _, n := range s.Needs {
			fmt.Fprintf(out, " [%s on %s]", n.Owner, n.Host)
		}
		fmt.Fprintln(out)
	}
}

func options(p tap.Port) string {
	if p.Type == "" {
		return ""
	}
	var all []string
	for key, value := range p.Options {
		all = append(all, key+"="+value)
	}
	slices.Sort(all)
	return " (" + p.Type + " " + strings.Join(all, " ") + ")"
}

// flow writes a flow in the way of ovs-ofctl(8).
func flow(m openflow.FlowMod) string {
	match := []string{fmt.Sprintf("table=%d", m.Table), fmt.Sprintf("priority=%d", m.Priority)}
	if text := m.Match.String(); text != "" {
		match = append(match, text)
	}

	actions := []string{}
	for _, i := range m.Instructions {
		actions = append(actions, fmt.Sprint(i))
	}

	if len(actions) == 0 {
		actions = []string{"drop"}
	}

	return strings.Join(match, ",") + " actions=" + strings.Join(actions, ",")
}

func list(ports []string) string { return "[" + strings.Join(ports, " ") + "]" }
