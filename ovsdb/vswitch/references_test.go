package vswitch

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// TestSetsOfReferences holds what is done with sorted sets against what RFC 7047 says of sets.
func TestSetsOfReferences(t *testing.T) {
	anySet := rapid.Custom(func(t *rapid.T) []UUID {
		var out []UUID
		for n := range uint64(12) {
			if rapid.Bool().Draw(t, "is") {
				out = append(out, UUID{15: byte(n)})
			}
		}

		return out
	})

	unlimited := &ovsdb.ColumnType{Min: 0, Max: ovsdb.Unlimited}
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySet.Draw(t, "a"), anySet.Draw(t, "b")
		var only []UUID
		for _, id := range a {
			if !slices.Contains(b, id) {
				only = append(only, id)
			}
		}

		assert.Equal(t, only, without(a, b))

		want, err := ovsdb.ApplyDiff(ovsdb.NewSet(a...), ovsdb.NewSet(b...), unlimited)
		assert.NoError(t, err)
		got, err := uuids().apply(a, ovsdb.NewSet(b...))
		assert.NoError(t, err)
		decoded, err := uuids().decode(want)
		assert.NoError(t, err)
		assert.Equal(t, decoded, got)
	})

	shuffled := []UUID{{15: 3}, {15: 1}, {15: 3}, {15: 2}}
	assert.Equal(t, []UUID{{15: 1}, {15: 2}, {15: 3}}, inOrder(shuffled))
	_, err := uuids().apply(nil, ovsdb.String("no reference"))
	assert.Error(t, err)
}
