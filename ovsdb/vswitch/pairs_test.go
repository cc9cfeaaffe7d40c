package vswitch_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

func TestPairs(t *testing.T) {
	var none vswitch.Pairs
	assert.True(t, none.Empty())
	assert.Equal(t, none, vswitch.PairsOf(nil))
	assert.Empty(t, none.Map())
	assert.Equal(t, none, none.Without("a"))

	long := strings.Repeat("x", 300)
	p := none.With("b", long).With("a", "").With("", "\x00\x80")
	assert.Equal(t, vswitch.PairsOf(map[string]string{"": "\x00\x80", "a": "", "b": long}), p)
	assert.Equal(t, long, p.Get("b"))
	value, has := p.Lookup("a")
	assert.True(t, has)
	assert.Empty(t, value)

	for _, absent := range []string{"aa", "c"} {
		_, has = p.Lookup(absent)
		assert.False(t, has, absent)
	}

	assert.Equal(t, `map["a":""]`, p.Without("").Without("b").String())
	assert.Equal(t, p, p.With("b", long), "the same value changes nothing")

	for key := range p.All() {
		assert.Empty(t, key, "the first key comes first, and leaving the loop early is possible")
		break
	}
}

// TestPairsAreMaps holds them against Go's maps.
func TestPairsAreMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.StringN(0, 3, 200)
		want := rapid.MapOf(texts, texts).Draw(t, "map")
		p := vswitch.PairsOf(want)
		assert.Equal(t, len(want) == 0, p.Empty())
		assert.Equal(t, want, p.Map())
		key, value := texts.Draw(t, "key"), texts.Draw(t, "value")
		assert.Equal(t, want[key], p.Get(key))
		with, without := maps.Clone(want), maps.Clone(want)
		with[key] = value
		delete(without, key)
		assert.Equal(t, vswitch.PairsOf(with), p.With(key, value))
		assert.Equal(t, vswitch.PairsOf(without), p.Without(key))
	})
}
