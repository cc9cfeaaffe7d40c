package convert

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/meter"
)

// TestLostIsAbsentWhereUnknown: where switches merge segments, no loss and an unknown one differ.
func TestLostIsAbsentWhereUnknown(t *testing.T) {
	some := meter.Count{Packets: 3, Bytes: 300}
	for _, test := range []struct {
		name string
		in   meter.Counters
		want *api.Count
	}{
		{"exact", meter.Counters{}, &api.Count{}},
		{"unknown", meter.Counters{Merging: true}, nil},
		{"at least", meter.Counters{Merging: true, Lost: some},
			&api.Count{Packets: 3, Bytes: 300}},
		{"undivided", meter.Counters{Undivided: true}, nil},
	} {
		got := Counters(test.in)
		assert.Equal(t, test.want, got.Lost, test.name)
		assert.Equal(t, test.in.Merging, got.Merging, test.name)
		assert.Equal(t, test.in.Undivided, got.Delivered == nil, test.name)
	}
}
