package vswitch_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// TestNoDatapaths: releases before the table Datapath are read too.
func TestNoDatapaths(t *testing.T) {
	db := schemaOf(t, func(text string) string {
		text = strings.Replace(text, `"refTable":"Datapath"`, `"refTable":"Bridge"`, 1)
		return strings.Replace(text, `"Datapath":{`, `"Data":{`, 1)
	})
	s, err := vswitch.NewSnapshot(db)
	require.NoError(t, err)
	require.False(t, s.HasColumn(vswitch.TableDatapath, "capabilities"))
	require.Nil(t, s.Datapath("system"))
	require.NotContains(t, vswitch.Request().Prune(db), "Datapath")
}

// TestDatapathOnSwitch: a switch fills in what its datapath can do, once the row is there.
func TestDatapathOnSwitch(t *testing.T) {
	s := ovs.StartServer(t)
	s.StartSwitch()
	ctx, _, w := watch(t, s)

	s.Vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=dummy", "--",
		"--id=@d", "create", "Datapath", "datapath_version=0", "--",
		"set", "Open_vSwitch", ".", "datapaths:dummy=@d")

	for {
		snap := w.Snapshot()
		if row := snap.Datapath("dummy"); row != nil && row.Capabilities.Get("recirc") != "" {
			require.Equal(t, "true", row.Capabilities.Get("check_pkt_len"))
			require.Nil(t, snap.Datapath("system"))
			return
		}

		_, err := w.Next(ctx)
		require.NoError(t, err)
	}
}
