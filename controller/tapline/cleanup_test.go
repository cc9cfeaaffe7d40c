package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/testenv/ovs"
)

func TestCleanup(t *testing.T) {
	s := ovs.StartServer(t)
	s.Vsctl("--no-wait", "add-br", "br0", "--", "add-port", "br0", "vnet0", "--", "add-port", "br0",
		"theirs")
	s.Vsctl("--no-wait", "--", "add-port",
		"br0",
		"tlm-1",
		"--",
		"set",
		"port",
		"tlm-1",
		"external_ids:tapline=c1",
		"--",
		"--id=@m",
		"create",
		"mirror",
		"name=tl-1",
		"external_ids:tapline=c1",
		"--",
		"--id=@f",
		"create",
		"mirror",
		"name=foreign",
		"--",
		"set",
		"bridge",
		"br0",
		"mirrors=@m,@f",
	)
	s.Vsctl("--no-wait", "add-br", "brtap", "--", "set", "bridge", "brtap",
		"external_ids:tapline=c1")
	s.Vsctl("--no-wait", "add-port", "br0", "tlm-2", "--", "set", "port", "tlm-2",
		"external_ids:tapline=c2")
	s.Vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:theirs=1",
		"external_ids:tapline-epoch-c1=7", "external_ids:tapline-epoch-c3=8")
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := root()
		cmd.SetArgs(append([]string{"cleanup", "--ovsdb", s.Remote}, args...))
		cmd.SetOut(&out)
		require.NoError(t, cmd.ExecuteContext(t.Context()))
		return out.String()
	}
	ports := func() string { return s.Vsctl("list-ports", "br0") }

	before := ports()
	require.Equal(t, `mirror tl-1 on bridge br0 (cluster c1)
port tlm-1 on bridge br0 (cluster c1)
bridge brtap (cluster c1)
tapline-epoch-c1 in external_ids of the switch (cluster c1)
port tlm-2 on bridge br0 (cluster c2)
tapline-epoch-c3 in external_ids of the switch (cluster c3)
nothing was changed (--dry-run)
`, run("--dry-run"))
	require.Equal(t, before, ports())

	require.Contains(t, run("--cluster", "c1"), "removed\n")
	require.Equal(t, "theirs\ntlm-2\nvnet0", ports())
	require.Equal(t, "br0", s.Vsctl("list-br"))
	require.Equal(t, "foreign", s.Vsctl("--bare", "--columns=name", "list", "mirror"))

	require.Contains(t, run(), "port tlm-2 on bridge br0 (cluster c2)\n")
	require.Contains(t, s.Vsctl("get", "Open_vSwitch", ".", "external_ids"), "theirs=")
	require.NotContains(t, s.Vsctl("get", "Open_vSwitch", ".", "external_ids"), "tapline")
	require.Equal(t, "theirs\nvnet0", ports())
	require.Equal(t, "nothing of Tapline is on this switch\n", run())

	cmd := root()
	cmd.SetArgs([]string{"cleanup"})
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), "--ovsdb is missing")
	cmd.SetArgs([]string{"cleanup", "--ovsdb", "tcp:127.0.0.1:1"})
	require.Error(t, cmd.ExecuteContext(t.Context()), "nobody listens")
}
