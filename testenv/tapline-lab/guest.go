//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// newPlug plays the hypervisor that plugs the tap NIC of a tap service.
func newPlug(t *target) *cobra.Command {
	var spec lab.GuestNIC
	var service string
	command := &cobra.Command{
		Use:   "plug GUEST",
		Short: "Plug one more NIC into a running guest, as a hypervisor does",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			l, guest, unlock, err := t.guest(args[0])
			if err != nil {
				return err
			}
			defer unlock()

			if service != "" {
				wanted, err := tapNIC(command.Context(), l, service)
				if err != nil {
					return err
				}
				spec.MAC, spec.IfName = wanted.MAC, wanted.IfName
			}

			nic, err := guest.PlugNIC(command.Context(), spec)
			if err != nil {
				return err
			}

			_, err = fmt.Fprintf(command.OutOrStdout(), "%s of %s is %s, port %s of %s\n",
				nic.Device, guest.Name, nic.MAC, nic.IfName, nic.Bridge)

			return err
		},
	}

	command.Flags().StringVar(&service, "tap-service", "",
		"take --ifname and --mac from this tap service of the lab's controller")

	command.Flags().StringVar(&spec.Bridge, "bridge", "br0", "bridge that the NIC joins")
	command.Flags().StringVar(&spec.IfName, "ifname", "", "name of the port (default vnetN)")
	command.Flags().TextVar(&spec.MAC, "mac", lab.MAC{}, "MAC address (default a free one)")
	command.Flags().IntVar(&spec.Tag, "tag", 0, "VLAN of the port (default none)")
	command.MarkFlagsMutuallyExclusive("tap-service", "mac")
	command.MarkFlagsMutuallyExclusive("tap-service", "ifname")
	return command
}

func newMove(t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "move GUEST HOST",
		Short: "Migrate a running guest to another host",
		Args:  cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			l, guest, unlock, err := t.guest(args[0])
			if err != nil {
				return err
			}
			defer unlock()

			h := l.Host(args[1])
			if h == nil {
				return fmt.Errorf("lab %s has no host %q", t.name, args[1])
			}
			return guest.MoveTo(command.Context(), h)
		},
	}
}

// guestVerbs are the verbs that need nothing but a guest.
var guestVerbs = [...]struct {
	name, short string
	do          func(*lab.Guest, context.Context) error
}{
	{"restart", "Restart a guest: its ports are deleted and added again", (*lab.Guest).Restart},
	{"remove", "Delete a guest", (*lab.Guest).Remove},
}

func newGuestVerbs(t *target) []*cobra.Command {
	var commands []*cobra.Command
	for _, verb := range guestVerbs {
		commands = append(commands, &cobra.Command{
			Use:   verb.name + " GUEST",
			Short: verb.short,
			Args:  cobra.ExactArgs(1),
			RunE: func(command *cobra.Command, args []string) error {
				_, guest, unlock, err := t.guest(args[0])
				if err != nil {
					return err
				}
				defer unlock()
				return verb.do(guest, command.Context())
			},
		})
	}

	return commands
}

// guest finds a guest to change. No other command changes one until unlock is called.
func (t *target) guest(name string) (l *lab.Lab, guest *lab.Guest, unlock func(), err error) {
	release, err := lab.Lock(t.dir, t.name)
	if err != nil {
		return nil, nil, nil, err
	}

	unlock = func() { _ = release() } // At the end of the process at the latest.
	if l, err = lab.Open(t.dir, t.name); err == nil {
		if guest = l.Guest(name); guest == nil {
			err = fmt.Errorf("lab %s has no guest %q", t.name, name)
		}
	}

	if err != nil {
		unlock()
		return nil, nil, nil, err
	}

	return l, guest, unlock, nil
}
