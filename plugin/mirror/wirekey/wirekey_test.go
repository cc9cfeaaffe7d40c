package wirekey_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/plugin/mirror/wirekey"
)

var secret = bytes.Repeat([]byte{7}, 32)

func TestKeysAreAPermutation(t *testing.T) {
	const count = 1 << 16
	seen := map[uint32]bool{}
	for index := range uint32(count) {
		key := wirekey.Of(secret, "h1", 16, index)
		assert.Less(t, key, uint32(count))
		seen[key] = true
	}
	assert.Len(t, seen, count, "each key of 16 bits stands for one index")
}

func TestKeysDependOnEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret")
		index := rapid.Uint32Range(0, 1<<24-1).Draw(t, "index")
		key := wirekey.Of(secret, "h1", 32, index)
		assert.Equal(t, key, wirekey.Of(secret, "h1", 32, index), "both ends compute the same")
		assert.Less(t, wirekey.Of(secret, "h1", 24, index), uint32(1<<24))

		other := rapid.Uint32Range(0, 1<<24-1).
			Filter(func(o uint32) bool { return o != index }).Draw(t, "other index")
		assert.NotEqual(t, key, wirekey.Of(secret, "h1", 32, other))
	})
}

func TestKeysOfHostsDiffer(t *testing.T) {
	same := 0
	for index := range uint32(1000) {
		if wirekey.Of(secret, "h1", 32, index) == wirekey.Of(secret, "h2", 32, index) {
			same++
		}
	}
	assert.Less(t, same, 3, "keys of two hosts for one service are unrelated")
}

func TestKeysWithoutSecret(t *testing.T) {
	assert.Equal(t, uint32(5), wirekey.Of(nil, "h1", 32, 5))
	assert.Equal(t, uint32(1<<24), wirekey.Of([]byte{1}, "h1", 24, 1<<24),
		"an index that does not fit stays")
}
