//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// maxGuests is how many guests fit into the range of their addresses.
const maxGuests = 1000

// guestNet is where guests have their addresses: g1 is 10.220.0.1.
func guestNet() netip.Prefix { return netip.MustParsePrefix("10.220.0.0/16") }

func newUp(t *target) *cobra.Command {
	var hosts, guests int
	var format string
	var verbose bool
	command := &cobra.Command{
		Use:   "up",
		Short: "Make a lab",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if guests < 0 || guests*hosts > maxGuests {
				return fmt.Errorf("%d guests on each of %d hosts: want 0 to %d in all", guests,
					hosts, maxGuests)
			}

			config := lab.Config{Name: t.name, Dir: t.dir, Hosts: hosts, PlainIDs: true}
			if verbose {
				config.Logger = slog.New(slog.NewTextHandler(command.ErrOrStderr(), nil))
			}

			l, err := lab.New(command.Context(), config)
			if err != nil {
				return err
			}

			if err := addGuests(command.Context(), l, guests); err != nil {
				return errors.Join(err, l.Close())
			}

			return show(command.OutOrStdout(), l, format)
		},
	}

	command.Flags().IntVar(&hosts, "hosts", 3, "number of hosts")
	command.Flags().IntVar(&guests, "guests", 2, "number of guests on each host")
	command.Flags().BoolVarP(&verbose, "verbose", "v", false, "log to stderr")
	addFormat(command, &format)
	return command
}

// addGuests adds g1, g2 and so on, each with one NIC on the wire.
func addGuests(ctx context.Context, l *lab.Lab, perHost int) error {
	addr := guestNet().Addr()
	number := 0
	for _, h := range l.Hosts {
		for range perHost {
			number++
			addr = addr.Next()
			nic := lab.GuestNIC{IP: netip.PrefixFrom(addr, guestNet().Bits())}
			if _, err := h.AddGuest(ctx, "g"+strconv.Itoa(number), nic); err != nil {
				return err
			}
		}
	}

	return nil
}
