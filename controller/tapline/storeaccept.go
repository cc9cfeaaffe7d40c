package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/controller/replica"
	"github.com/tapline-sdn/tapline/controller/store"
)

func storeAccept() *cobra.Command {
	var of storeFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "accept",
		Short: "Let replicas lead again after their etcd was restored from an older copy",
		Long: `Let replicas lead again after their etcd was restored from an older copy, as from a
snapshot. Each replica remembers how far the store had come, and none leads with an older
one, since that brings back what was deleted: tap flows, which mirror again, and tokens
that were revoked. The log of a replica says what came back, as far as its audit log
knows.

It asks first.`,
		Example: `  tapline store accept --config /etc/tapline/tapline.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := of.config()
			if err != nil {
				return err
			}
			if c.Replica.IsZero() {
				return usageError{errors.New("the configuration has no replica, so nothing waits")}
			}

			state, err := readStore(cmd.Context(), c, storeLogger(cmd, c))
			if errors.Is(err, store.ErrNone) { // A new one is meant.
				err = nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d records at revision %d\n", storePlace(c),
				len(state.Records), state.Revision)
			if !yes && !confirmed(cmd, "Let replicas lead with it?") {
				return errors.New("nothing was changed")
			}

			settings, err := etcdConfig(c, storeLogger(cmd, c))
			if err != nil {
				return err
			}
			return replica.Accept(cmd.Context(), settings, time.Now())
		},
	}
	of.add(cmd.Flags(), "", "of the store")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
