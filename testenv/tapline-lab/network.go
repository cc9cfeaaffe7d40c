//go:build linux

package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

func newLink(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "link NODE IFNAME up|down",
		Short: "Set an interface up or down, such as mgmt0 of a host that no controller is " +
			"to reach",
		Args: cobra.ExactArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			_, node, err := t.node(args[0])
			if err != nil {
				return err
			}
			if args[2] != "up" && args[2] != "down" {
				return fmt.Errorf("state %q: want up or down", args[2])
			}
			return node.SetLink(args[1], args[2] == "up")
		},
	}
}

func newMTU(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "mtu NODE IFNAME OCTETS",
		Short: "Set the MTU of an interface, or of a host's whole underlay: mtu h1 underlay 1500",
		Args:  cobra.ExactArgs(3),
		RunE: func(command *cobra.Command, args []string) error {
			mtu, err := strconv.Atoi(args[2])
			if err != nil {
				return fmt.Errorf("MTU %q: want a number of octets", args[2])
			}

			if args[1] == "underlay" {
				return t.onHost(args[0], func(h *lab.Host) error {
					return h.SetUnderlayMTU(command.Context(), mtu)
				})
			}

			_, node, err := t.node(args[0])
			if err != nil {
				return err
			}

			return node.SetMTU(args[1], mtu)
		},
	}
}

func newRebuild(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild HOST",
		Short: "Give a host's tunnel address another MAC, as when the machine was replaced",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return t.onHost(args[0], func(h *lab.Host) error {
				mac, err := h.Rebuild(command.Context())
				if err == nil {
					_, err = fmt.Fprintf(command.OutOrStdout(), "%s of %s is %s\n",
						lab.UnderlayBridge, h.Name, mac)
				}
				return err
			})
		},
	}
}

func newTagUnderlay(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "tag-underlay HOST [VLAN [VLAN]]",
		Short: "Put a host's underlay into one VLAN tag, or two, the outer one first; none takes " +
			"them away",
		Args: cobra.RangeArgs(1, 3),
		RunE: func(command *cobra.Command, args []string) error {
			var vlans []int
			for _, arg := range args[1:] {
				vlan, err := strconv.Atoi(arg)
				if err != nil || vlan < 1 || vlan > 4094 {
					return fmt.Errorf("VLAN %q: want 1 to 4094", arg)
				}
				vlans = append(vlans, vlan)
			}

			return t.onHost(args[0], func(h *lab.Host) error {
				return h.TagUnderlay(command.Context(), vlans...)
			})
		},
	}
}

func newOverlay(t *target) *cobra.Command {
	var spec lab.Overlay
	command := &cobra.Command{
		Use:   "overlay HOST HOST",
		Short: "Make an operator's own tunnel between two hosts, with a bridge on each",
		Args:  cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			l, err := lab.Open(t.dir, t.name)
			if err != nil {
				return err
			}

			var hosts [2]*lab.Host
			for i, name := range args {
				if hosts[i] = l.Host(name); hosts[i] == nil {
					return fmt.Errorf("lab %s has no host %q", t.name, name)
				}
			}

			a, b, err := l.AddOverlay(command.Context(), hosts[0], hosts[1], spec)
			if err != nil {
				return err
			}

			_, err = fmt.Fprintf(command.OutOrStdout(), "%s has %s, %s has %s\n", args[0], a.Addr,
				args[1], b.Addr)

			return err
		},
	}

	command.Flags().StringVar(&spec.Type, "type", "gre",
		"gre, vxlan, geneve or another tunnel type")

	command.Flags().BoolVar(&spec.FlowBased, "flow-based", false, "remote address and key by flows")
	command.Flags().BoolVar(&spec.LocalIP, "local-ip", false, "fix the local address of the port")
	command.Flags().StringVar(&spec.Name, "bridge", "ov-br", "name of the bridges")
	return command
}

func newForward(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "forward GUEST",
		Short: "Make a guest a router between its NICs",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, guest, unlock, err := t.guest(args[0])
			if err != nil {
				return err
			}
			defer unlock()
			return guest.Forward()
		},
	}
}

// node finds a node of the lab.
func (t *target) node(name string) (*lab.Lab, *lab.Node, error) {
	l, err := lab.Open(t.dir, t.name)
	if err != nil {
		return nil, nil, err
	}

	node := l.Node(name)
	if node == nil {
		return nil, nil,
			fmt.Errorf("lab %s has no node %q: want controller, fabric, or a host or guest "+
				"that info shows", t.name, name)
	}

	return l, node, nil
}

// onHost does something with a host of the lab.
func (t *target) onHost(name string, do func(*lab.Host) error) error {
	l, err := lab.Open(t.dir, t.name)
	if err != nil {
		return err
	}
	h := l.Host(name)
	if h == nil {
		return fmt.Errorf("lab %s has no host %q", t.name, name)
	}
	return do(h)
}
