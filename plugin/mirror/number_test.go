package mirror

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPortNumbers: flows use the number that a port has; it goes on asking for its own, so that two
// who follow each other's numbers cannot chase.
func TestPortNumbers(t *testing.T) {
	own := newPortNumbers(&tap.Host{}).request("tl-gre")
	at := func(number uint32, others ...uint32) *tap.Host {
		h := &tap.Host{TapPorts: []tap.TapPort{{Name: "tl-gre", OFPort: number}}}
		for _, o := range others {
			h.TapPorts = append(h.TapPorts, tap.TapPort{Name: "other", OFPort: o})
		}
		return h
	}

	for _, tc := range []struct {
		name        string
		host        *tap.Host
		of, request uint32
	}{
		{"a port that is not there yet", &tap.Host{}, own, own},
		{"one that has its number", at(own), own, own},
		{"one to which the switch has given another", at(77), 77, own},
		{"one to which somebody has given another", at(own + 1000), own + 1000, own},
		{"one whose number another port has", at(0, own), own + 1, own + 1},
		{"one whose number another port had", at(own + 1), own + 1, own + 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newPortNumbers(tc.host)
			assert.Equal(t, tc.of, n.current("tl-gre"))
			assert.Equal(t, tc.request, n.request("tl-gre"))
			n = newPortNumbers(tc.host)
			assert.Equal(t, tc.request, n.request("tl-gre"), "the order does not matter")
			assert.Equal(t, tc.of, n.current("tl-gre"))
		})
	}
}
