package openflow_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/internal/generate"
	"github.com/tapline-sdn/tapline/testenv/ovs"
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
	ovs.Need(t, "ovs-ofctl")
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
	for _, line := range ofctl(t, "--no-names", "-O", "OpenFlow13", "parse-flows",
		writeFile(t, "flows", []byte(text.String()))) {
		if strings.HasPrefix(line, "OFPT_") {
			theirs = append(theirs, xids.ReplaceAllString(line, ""))
		}
	}

	if len(ours) != n || len(theirs) != n {
		t.Fatalf("ovs-ofctl printed %d of our messages and %d of its own, want %d of each",
			len(ours), len(theirs), n)
	}

	for i := range mods {
		if ours[i] != theirs[i] {
			t.Errorf("flow %d, %v\n ours   %s\n theirs %s", i, mods[i], ours[i], theirs[i])
		}
	}
}

// TestMessagesAgainstOVS: ovs-ofctl reads every message that we can write, but
// for those of types that it does not know, and what it reads is what we meant.
func TestMessagesAgainstOVS(t *testing.T) {
	ovs.Need(t, "ovs-ofctl")

	// What Open vSwitch 3.1 does not take: prerequisites missing on purpose,
	// raw parts, PBB, and messages that it never receives or sends.
	refused := map[string]bool{
		"experimenter": true, "type 99": true, "flow mod": true, "bundle add": true,
		"flow removed": true,
		"packet out":   true, "group mod": true, "flow stats request": true,
		"flow stats reply":     true,
		"flow monitor request": true, "flow monitor reply": true, "experimenter request": true,
		"experimenter reply":   true,
		"table features reply": true, "bundle add padded": true,
	}

	want := map[string]string{
		"features reply":      "dpid:0000000000000001",
		"get config reply":    "miss_send_len=128",
		"port status":         "MOD: 1(tap0123456789ab): addr:01:02:03:04:05:06",
		"meter mod":           "rate=1000",
		"role request":        "role=primary",
		"error":               "OFPFMFC_TABLE_FULL",
		"error experimenter":  "OFPBFC_MSG_FAILED",
		"aggregate reply":     "packet_count=1 byte_count=2 flow_count=3",
		"port stats reply":    "rx pkts=2, bytes=4, drop=6, errs=8, frame=10, over=11, crc=12",
		"queue stats reply":   "bytes=3, pkts=4, errors=5",
		"group stats reply":   "packet_count=5",
		"group desc reply":    "type=select",
		"meter stats reply":   "packet_in_count:3",
		"meter config reply":  "rate=2000 prec_level=1",
		"desc reply":          "Manufacturer: m",
		"table stats reply":   "active=2, lookup=3, matched=4",
		"port desc reply":     "tap0123456789ab",
		"queue stats request": "port=4",
		"packet in":           "total_len=99",
		"monitor cancel":      "id=5",
	}
	for name, m := range messages() {
		t.Run(name, func(t *testing.T) {
			out := strings.Join(ofctl(t, "--no-names", "ofp-parse",
				writeFile(t, "message", encode(t, 1, m))), "\n")
			bad := strings.Contains(out, "***decode error")
			if bad != refused[name] {
				t.Errorf("ovs-ofctl prints %.600s", out)
			}

			if !strings.Contains(out, want[name]) {
				t.Errorf("ovs-ofctl prints %.600s, want %q", out, want[name])
			}
		})
	}
}

// TestErrorNamesAgainstOVS holds names against numbers.
func TestErrorNamesAgainstOVS(t *testing.T) {
	ovs.Need(t, "ovs-ofctl")
	compared := 0
	for typ := openflow.ErrorHelloFailed; typ <= openflow.ErrorTableFeaturesFailed; typ++ {
		for code := uint16(0); code < 20; code++ {
			e := openflow.Error{ErrType: typ, Code: code}
			_, name, ok := strings.Cut(e.String(), " OFP")
			if !ok {
				continue
			}

			out, err := exec.Command("ovs-ofctl", "print-error", "OFP"+name).CombinedOutput()
			if err != nil {
				continue // Open vSwitch does not use all of them.
			}

			compared++
			if want := fmt.Sprintf("OpenFlow 1.3: vendor 0, type %d, code %d\n", typ,
				code); !strings.Contains(string(out), want) {
				t.Errorf("%v is type %d code %d here, but ovs-ofctl says\n%s", &e, typ, code, out)
			}
		}
	}

	if compared < 70 {
		t.Errorf("only %d names compared", compared)
	}
}
