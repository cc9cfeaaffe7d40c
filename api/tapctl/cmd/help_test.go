package cmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHelp holds what --help says of every command, so that it cannot change unseen.
func TestHelp(t *testing.T) {
	d := newDesk(t)
	var all strings.Builder
	for _, words := range d.app.Words() {
		help := d.must(words + " --help")
		require.Contains(t, help, "Usage:\n", words)
		fmt.Fprintf(&all, "$ %s\n%s\n", strings.TrimSpace("tapctl "+words)+" --help", help)
	}
	golden(t, "help.txt", all.String())
}
