package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// cleanupTime is the default limit for reaching a host and changing it.
const cleanupTime = 30 * time.Second

func cleanupCommand() *cobra.Command {
	var target, cluster string
	var files config.TLS
	var dryRun bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "cleanup --ovsdb TARGET",
		Short: "Remove everything of Tapline from a host's switch, without a controller",
		Long: `Remove the tap bridge, ports and mirrors of Tapline from the switch of one host.
It needs no controller, and is for hosts whose controller or data directory is gone.
Objects of others stay.

A controller that still manages the host puts everything back: there, use
tapctl host-delete.`,
		Example: `  tapline cleanup --ovsdb tcp:10.0.0.1:6640 --dry-run
  tapline cleanup --ovsdb unix:/run/openvswitch/db.sock`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if target == "" {
				return usageError{errors.New(
					"--ovsdb is missing: want a target such as tcp:10.0.0.1:6640")}
			}

			secure, err := serverTLS(files)
			if err != nil {
				return err
			}

			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			return cleanup(ctx, cmd.OutOrStdout(), target, secure, cluster, dryRun)
		},
	}

	flags := cmd.Flags()
	flags.StringVar(&target, "ovsdb", "",
		"the host's database: tcp:`IP:PORT`, ssl:IP:PORT or unix:PATH")

	flags.StringVar(&cluster, "cluster", "", "only objects of the cluster with this `ID`")
	flags.BoolVar(&dryRun, "dry-run", false, "show what would be removed, and change nothing")
	flags.DurationVar(&limit, "timeout", cleanupTime, "give up after `DURATION`")
	flags.StringVar(&files.Cert, "cert", "", "our certificate, for ssl: (PEM `FILE`)")
	flags.StringVar(&files.Key, "key", "", "its private key (PEM `FILE`)")
	flags.StringVar(&files.CA, "ca", "", "authority of the host's certificate (PEM `FILE`)")
	return cmd
}

// cleanup removes the objects of one cluster, or of all if cluster is "".
func cleanup(
	ctx context.Context, out io.Writer, target string, secure *tls.Config, cluster string,
	dryRun bool,
) error {
	options := client.Options{}
	if secure != nil {
		options.TLS = client.ChainOnly(secure)
	}

	conn, err := client.Dial(ctx, target, options)
	if err != nil {
		return err
	}
	defer conn.Close()

	watcher, err := vswitch.Watch(ctx, conn)
	if err != nil {
		return fmt.Errorf("read the switch's database: %w", err)
	}

	found := taplineObjects(watcher.Snapshot())
	clusters := slices.Sorted(maps.Keys(found))
	if cluster != "" {
		clusters = slices.DeleteFunc(clusters, func(c string) bool { return c != cluster })
	}

	if len(clusters) == 0 {
		fmt.Fprintln(out, "nothing of Tapline is on this switch")
		return nil
	}

	for _, c := range clusters {
		for _, object := range found[c].names {
			fmt.Fprintf(out, "%s (cluster %s)\n", object, c)
		}
		if dryRun {
			continue
		}
		if err := stripCluster(ctx, conn, watcher, c, found[c].bridge); err != nil {
			return err
		}
	}

	if dryRun {
		fmt.Fprintln(out, "nothing was changed (--dry-run)")
		return nil
	}

	fmt.Fprintln(out, "removed")
	return nil
}

// clusterObjects are what one cluster has on a switch.
type clusterObjects struct {
	bridge string // name of its tap bridge; "" if there is none
	names  []string
}

// taplineObjects returns the marked objects on a switch, by cluster.
func taplineObjects(snap *vswitch.Snapshot) map[string]*clusterObjects {
	found := map[string]*clusterObjects{}
	add := func(marks vswitch.Pairs, format string, args ...any) *clusterObjects {
		cluster := marks.Get(reconcile.OwnerKey)
		if cluster == "" {
			return &clusterObjects{}
		}
		if found[cluster] == nil {
			found[cluster] = &clusterObjects{}
		}
		found[cluster].names = append(found[cluster].names, fmt.Sprintf(format, args...))
		return found[cluster]
	}

	for _, b := range snap.Bridges() {
		add(b.ExternalIDs, "bridge %s", b.Name).bridge = b.Name
		for _, m := range snap.BridgeMirrors(b) {
			add(m.ExternalIDs, "mirror %s on bridge %s", m.Name, b.Name)
		}
		for _, p := range snap.BridgePorts(b) {
			add(p.ExternalIDs, "port %s on bridge %s", p.Name, b.Name)
		}
	}

	for _, cluster := range epoch.Clusters(snap) {
		mark := vswitch.PairsOf(map[string]string{reconcile.OwnerKey: cluster})
		add(mark, "%s in external_ids of the switch", epoch.Key(cluster))
	}

	return found
}

// stripCluster removes the objects of a cluster, and tries again if the switch changes meanwhile.
func stripCluster(
	ctx context.Context, conn *client.Conn, w *vswitch.Watcher, cluster, bridge string,
) error {
	for {
		txn := reconcile.Strip(w.Snapshot(), reconcile.Self{Cluster: cluster}, bridge)
		if txn.Empty() {
			return nil
		}

		_, err := txn.Commit(ctx, conn)
		if err == nil {
			return nil
		}

		if !errors.Is(err, vswitch.ErrConflict) {
			return fmt.Errorf("change the switch's database: %w", err)
		}

		if _, err := w.Next(ctx); err != nil {
			return fmt.Errorf("read the switch's database: %w", err)
		}
	}
}
