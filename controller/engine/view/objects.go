package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// PortText says what a program wants of a port, in the words of ovs-vsctl.
func PortText(p *tap.Port) string {
	words := []string{"bridge=" + p.Bridge}
	if p.Plugged {
		words = append(words, "plugged by the hypervisor")
	}
	if p.Type != "" {
		words = append(words, "type="+p.Type)
	}

	words = append(words, Settings("options", p.Options)...)
	if p.OFPortRequest != 0 {
		words = append(words, fmt.Sprintf("ofport_request=%d", p.OFPortRequest))
	}
	if p.VLANMode != "" {
		words = append(words, "vlan_mode="+p.VLANMode, "trunks="+numbers(p.Trunks))
	}

	return strings.Join(words, " ")
}

// MirrorText says what a mirror selects and where it outputs to, in the words of ovs-vsctl.
func MirrorText(m *tap.Mirror) string {
	var words []string
	switch {
	case m.SelectAll && m.Leaving:
		words = append(words, "select_all=true")
	case m.SelectAll:
		words = append(words, "select_src_port=EVERY")
	}
	if len(m.SelectSrc) > 0 {
		words = append(words, "select_src_port="+strings.Join(m.SelectSrc, ","))
	}
	if len(m.SelectDst) > 0 {
		words = append(words, "select_dst_port="+strings.Join(m.SelectDst, ","))
	}
	if len(m.SelectVLAN) > 0 {
		words = append(words, "select_vlan="+numbers(m.SelectVLAN))
	}
	if words == nil {
		words = append(words, "selects nothing")
	}

	return strings.Join(append(words, "output_port="+OrNone(m.Output)), " ")
}

// Settings are the pairs of a column, each as column:key=value, sorted.
func Settings(column string, pairs map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		out = append(out, column+":"+key+"="+pairs[key])
	}
	return out
}

// OrNone is a value, or "-" for an empty one.
func OrNone(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

func numbers(list []uint16) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
}
