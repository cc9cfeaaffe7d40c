package cmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// TestHelp holds what --help prints for every command, so that it cannot change unseen. The global
// flags are the same for all, and stand in the root command's help.
func TestHelp(t *testing.T) {
	d := tapctltest.New(t)
	var all strings.Builder
	for _, words := range cmd.Words(d.World) {
		help := d.Must(words + " --help")
		require.Contains(t, help, "Usage:\n", words)

		own, global, _ := strings.Cut(help, "\nGlobal Flags:\n")
		if words != "" {
			require.Contains(t, global, "--token-file", words)
		}
		fmt.Fprintf(&all, "$ %s\n%s\n", strings.TrimSpace("tapctl "+words)+" --help", own)
	}

	tapctltest.Golden(t, "help.txt", all.String())
}
