package mirror_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden compares text with testdata/NAME.golden.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}

	want, err := os.ReadFile(path)
	require.NoError(t, err, "run with -update to write it")
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

// render writes a result for readers: statuses, then each host's program in the words of ovs-vsctl
// and ovs-ofctl.
func render(r tap.Result) string {
	var b strings.Builder
	for _, s := range r.Statuses {
		fmt.Fprintf(&b, "%s %s: %s", s.Kind, s.ID, s.State)
		if s.Reason != "" {
			fmt.Fprintf(&b, " (%s): %s", s.Code, s.Reason)
		}

		for i, n := range s.Needs {
			fmt.Fprintf(&b, "%s%s/%s", map[bool]string{true: "; needs ", false: " "}[i == 0],
				n.Host, n.Owner)
		}

		if s.Cut != nil {
			fmt.Fprintf(&b, "; %s", s.Cut.Text)
		}

		b.WriteByte('\n')
	}

	for i := range r.Programs {
		renderProgram(&b, &r.Programs[i])
	}

	if b.Len() == 0 {
		return "nothing\n"
	}

	return b.String()
}

func renderProgram(b *strings.Builder, p *tap.Program) {
	fmt.Fprintf(b, "\nhost %s\n", p.Host)
	fmt.Fprintf(b, "  bridge %s datapath_type=%s fail_mode=%s protocols=%s%s\n", p.Bridge.Name,
		p.Bridge.DatapathType, p.Bridge.FailMode,
		strings.Join(p.Bridge.Protocols, ","), settings("other_config", p.Bridge.OtherConfig))

	for _, o := range p.Ports {
		fmt.Fprintf(b, "  port %s %s [%s]", o.Bridge, o.Name, o.Owner)
		if o.Plugged {
			b.WriteString(" plugged")
		}
		if o.Type != "" {
			fmt.Fprintf(b, " type=%s", o.Type)
		}

		b.WriteString(settings("options", o.Options))
		if o.OFPortRequest != 0 {
			fmt.Fprintf(b, " ofport_request=%d", o.OFPortRequest)
		}
		if o.VLANMode != "" {
			fmt.Fprintf(b, " vlan_mode=%s trunks=%d", o.VLANMode, o.Trunks)
		}

		b.WriteByte('\n')
	}

	for _, m := range p.Mirrors {
		fmt.Fprintf(b, "  mirror %s %s [%s]", m.Bridge, m.Name, m.Owner)
		if m.SelectAll {
			b.WriteString(" select_all")
		}
		if m.Leaving {
			b.WriteString(" leaving")
		}

		for _, list := range []struct {
			name  string
			ports []string
		}{{"select_src_port", m.SelectSrc}, {"select_dst_port", m.SelectDst}} {
			if len(list.ports) > 0 {
				fmt.Fprintf(b, " %s=%s", list.name, strings.Join(list.ports, ","))
			}
		}

		if len(m.SelectVLAN) > 0 {
			fmt.Fprintf(b, " select_vlan=%d", m.SelectVLAN)
		}

		fmt.Fprintf(b, " output_port=%s\n", m.Output)
	}

	for i := range p.Flows {
		fmt.Fprintf(b, "  flow [%s] %v\n", p.Flows[i].Owner, &p.Flows[i].Mod)
	}

	if p.Bridge.MatchFragments {
		b.WriteString("  fragments nx-match\n")
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		fmt.Fprintf(b, "  group [%s] %d type=%d", g.Owner, g.Mod.ID, g.Mod.Group)
		for _, bucket := range g.Mod.Buckets {
			fmt.Fprintf(b, " weight=%d:%v", bucket.Weight, bucket.Actions)
		}
		b.WriteByte('\n')
	}
	for i := range p.Meters {
		m := &p.Meters[i]
		fmt.Fprintf(b, "  meter [%s] %d flags=%#x %v counts=%q\n", m.Owner, m.Mod.ID, m.Mod.Flags,
			m.Mod.Bands, m.Counts)
	}

	for _, o := range p.Tunnel.Peers {
		fmt.Fprintf(b, "  tunnel %s to %s for %s, probes %#x\n",
			o.Port, o.Addr, strings.Join(o.Owners, ","), o.ProbeKey)
	}

	for _, o := range p.Tunnel.Collectors {
		fmt.Fprintf(b, "  tunnel %s to collector %s for %s, keep-alives %#x\n",
			o.Port, o.Addr, strings.Join(o.Owners, ","), o.KeepAliveKey)
	}

	for _, o := range p.Tunnel.Senders {
		fmt.Fprintf(b, "  tunnel %s from %s, probes %#x\n", o.Port, o.Addr, o.ProbeKey)
	}

	for _, h := range p.Held {
		fmt.Fprintf(b, "  held %s cookie=%v\n", h.Owner, h.Cookie)
	}
}

func settings(column string, m map[string]string) string {
	text := ""
	for _, k := range slices.Sorted(maps.Keys(m)) {
		text += fmt.Sprintf(" %s:%s=%s", column, k, m[k])
	}
	return text
}
