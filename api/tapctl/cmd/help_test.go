package cmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// TestHelp holds what --help says of every command, so that it cannot change unseen.
func TestHelp(t *testing.T) {
	d := tapctltest.New(t)
	var all strings.Builder
	for _, words := range cmd.Words(d.World) {
		help := d.Must(words + " --help")
		require.Contains(t, help, "Usage:\n", words)
		fmt.Fprintf(&all, "$ %s\n%s\n", strings.TrimSpace("tapctl "+words)+" --help", help)
	}
	tapctltest.Golden(t, "help.txt", all.String())
}
