package mirror_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestUserspaceTSO: a switch that drops large segments at tunnels is an error for copies that leave
// its host, and for no others. The program stays: other copies arrive.
func TestUserspaceTSO(t *testing.T) {
	netdev := func(h *tap.Host) { h.Bridges[0].DatapathType = "netdev" }
	tso := func(h *tap.Host) { h.UserspaceTSO = true }
	for _, test := range []struct {
		name   string
		adjust []func(*tap.Host)
		at     string // host of the tap NIC
		want   tap.Code
	}{
		{"to another host", []func(*tap.Host){netdev, tso}, "b", tap.CodeUserspaceTSO},
		{"on the same host", []func(*tap.Host){netdev, tso}, "a", ""},
		{"kernel datapath", []func(*tap.Host){tso}, "b", ""},
		{"setting is off", []func(*tap.Host){netdev}, "b", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			s.host("a", test.adjust...)
			s.host("b")
			s.guest("g1", 1, on("a", "br0", "vnet1"))
			s.guestTap("t1", on(test.at, "brtap", "tapt1"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)

			full := mirror.Full(mirror.DefaultConfig(), s.Change)
			for _, status := range full.Statuses {
				if status.Kind == tap.KindFlow {
					assert.Equal(t, test.want, status.Code, status.Reason)
				}
			}

			assert.NotEmpty(t, full.Programs[0].Mirrors)
		})
	}
}
