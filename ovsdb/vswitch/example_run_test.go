package vswitch_test

import (
	"bufio"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// TestExamples runs the examples on a real switch.
func TestExamples(t *testing.T) {
	s := ovs.StartServer(t)
	s.StartSwitch()
	ctx, conn, w := watch(t, s)
	out, in := io.Pipe()
	watching, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- watchPorts(watching, in, s.Remote, "br0") }()
	commit(ctx, t, conn, w, addBridge("br0", "vnet0", "vnet1"))
	lines := bufio.NewScanner(out)
	seen := map[string]bool{}
	for !seen["vnet0 1"] && !seen["vnet0 2"] && lines.Scan() {
		seen[lines.Text()] = true
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the pipe
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	in.Close()

	require.NoError(t, mirrorPort(ctx, conn, "vnet0", "vnet1"))
	require.Equal(t, "copy-of-vnet0", s.Vsctl("get", "Mirror", "copy-of-vnet0", "name"), "mirrors")
}
