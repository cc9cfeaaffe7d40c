package openflow_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/internal/generate"
	"github.com/tapline-sdn/tapline/openflow/internal/vswitchd"
)

// ofctl runs ovs-ofctl and returns the lines of its output.
func ofctl(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("ovs-ofctl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ovs-ofctl %s: %v\n%.2000s", strings.Join(args, " "), err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var xids = regexp.MustCompile(`\(xid=0x[0-9a-f]+\)`)

// printed has ovs-ofctl print messages, one line each.
func printed(t *testing.T, stream []byte) []string {
	t.Helper()
	var lines []string
	for _, line := range ofctl(t, "--no-names", "ofp-parse", writeFile(t, "stream", stream)) {
		if strings.HasPrefix(line, "OFPT_") {
			lines = append(lines, xids.ReplaceAllString(line, ""))
		}
	}
	return lines
}

// TestFlowModsAgainstOVS holds encoder and text form against ovs-ofctl: what
// it prints of our bytes must be what it prints of its own encoding of our
// text.
func TestFlowModsAgainstOVS(t *testing.T) {
	vswitchd.Require(t, "ovs-ofctl")
	const n = 4000
	s := generate.New(1)
	mods := make([]*openflow.FlowMod, n)
	var stream []byte
	var text strings.Builder
	for i := range mods {
		mods[i] = s.FlowMod()
		var err error
		if stream, err = openflow.AppendMessage(stream, uint32(i+1), mods[i]); err != nil {
			t.Fatal(err)
		}
		text.WriteString(mods[i].String() + "\n")
	}
	ours := printed(t, stream)
	var theirs []string
	for _, line := range ofctl(t, "--no-names", "-O", "OpenFlow13", "parse-flows", writeFile(t, "flows", []byte(text.String()))) {
		if strings.HasPrefix(line, "OFPT_") {
			theirs = append(theirs, xids.ReplaceAllString(line, ""))
		}
	}
	if len(ours) != n || len(theirs) != n {
		t.Fatalf("ovs-ofctl printed %d of our messages and %d of its own, want %d of each", len(ours), len(theirs), n)
	}
	for i := range mods {
		if ours[i] != theirs[i] {
			t.Errorf("flow %d, %v\n ours   %s\n theirs %s", i, mods[i], ours[i], theirs[i])
		}
	}
}
