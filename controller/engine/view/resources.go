package view

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
)

// GroupText says what a group does with packets, in the words of ovs-ofctl.
func GroupText(m *openflow.GroupMod) string {
	kinds := map[openflow.GroupType]string{
		openflow.GroupTypeAll: "all", openflow.GroupTypeSelect: "select",
		openflow.GroupTypeIndirect: "indirect", openflow.GroupTypeFF: "ff",
	}
	words := []string{fmt.Sprintf("group_id=%d", m.ID), "type=" + kinds[m.Group]}

	for i := range m.Buckets {
		bucket := &m.Buckets[i]
		var actions []string
		for _, a := range bucket.Actions {
			actions = append(actions, a.String())
		}
		if actions == nil {
			actions = []string{"drop"}
		}

		text := "bucket="
		if m.Group == openflow.GroupTypeSelect {
			text += fmt.Sprintf("weight:%d,", bucket.Weight)
		}
		if bucket.WatchPort != 0 {
			text += fmt.Sprintf("watch_port:%v,", bucket.WatchPort)
		}
		words = append(words, text+"actions="+strings.Join(actions, ","))
	}

	return strings.Join(words, ",")
}

// MeterText says what a meter drops, in the words of ovs-ofctl.
func MeterText(m *openflow.MeterMod) string {
	words := []string{fmt.Sprintf("meter=%d", m.ID)}
	for _, flag := range []struct {
		is   openflow.MeterFlags
		word string
	}{
		{openflow.MeterKbps, "kbps"}, {openflow.MeterPktps, "pktps"},
		{openflow.MeterBurst, "burst"}, {openflow.MeterCount, "stats"},
	} {
		if m.Flags&flag.is != 0 {
			words = append(words, flag.word)
		}
	}

	for _, band := range m.Bands {
		words = append(words, fmt.Sprintf("bands=type=drop,rate=%d,burst_size=%d", band.Rate,
			band.BurstSize))
	}
	return strings.Join(words, ",")
}
