package manage

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// hostFacts is the command that prints the physical NICs of this machine.
func hostFacts(app *cli.App) *cobra.Command {
	var all bool
	cmd := app.Command(cli.Verb{
		Use:   "host-facts",
		Short: "Print the physical NICs of this machine as JSON, for host-create --facts",
		Long: `Print the physical NICs of this machine as JSON: name, MAC address, speed in Mbit/s,
driver, and what uses each of them: its addresses, a bond, bridge or other device that it belongs
to, VLANs on top of it. "used_by" is empty for NICs that are free.

A NIC that DPDK or a userspace datapath of Open vSwitch has taken over shows no use here. The
controller sees that in OVSDB.`,
		Example: `  ssh h1 tapctl host-facts > h1.json
  tapctl host-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --facts h1.json`,
		Group: "host",
		Args:  cli.NoArgs,
		Run: func(*cobra.Command, []string) error {
			facts, err := app.Facts(all)
			if err != nil {
				return &advice.Error{
					Err:  err,
					Next: "run it on the host itself, which must be Linux",
				}
			}

			if app.Style.Format == "yaml" {
				return format.YAML(app.Out, facts)
			}
			return format.JSON(app.Out, facts)
		},
	})

	cmd.Flags().BoolVar(&all, "all", false,
		"include virtual Ethernet devices, such as the veth devices of a lab")

	return cmd
}

// physicalNICs are the NICs of --facts, with those of --nic added or corrected.
func (f *hostFlags) physicalNICs(stdin io.Reader) ([]api.HostNIC, error) {
	var nics []api.HostNIC
	if f.facts != "" {
		facts, err := readFacts(f.facts, stdin)
		if err != nil {
			return nil, err
		}
		nics = facts.NICs
	}

	for _, text := range f.nics {
		name, mac, err := cli.Pair("nic", text, "NAME=MAC, such as eth3=52:54:00:12:34:56", false)
		if err != nil {
			return nil, err
		}

		i := slices.IndexFunc(nics, func(n api.HostNIC) bool { return n.Name == name })
		if i >= 0 {
			nics[i].MAC = mac
			continue
		}

		nics = append(nics, api.HostNIC{Name: name, MAC: mac})
	}

	return nics, nil
}

// readFacts reads the output of host-facts from a file, or from standard input.
func readFacts(path string, stdin io.Reader) (api.HostFacts, error) {
	const next = "run host-facts on the host and give its output"

	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(path)
	}

	if err != nil {
		return api.HostFacts{}, &advice.Error{Err: fmt.Errorf("--facts: %w", err), Next: next}
	}

	var facts struct {
		NICs *[]api.HostNIC `json:"nics"`
	}
	if err := json.Unmarshal(data, &facts); err != nil {
		return api.HostFacts{}, &advice.Error{
			Err:  fmt.Errorf("--facts %s: %w", path, err),
			Next: next,
		}
	}
	if facts.NICs == nil {
		return api.HostFacts{}, advice.New(next, `--facts %s has no "nics"`, path)
	}

	return api.HostFacts{NICs: *facts.NICs}, nil
}
