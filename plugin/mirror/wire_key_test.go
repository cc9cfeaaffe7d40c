package mirror

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestWireKeyIsAPermutation(t *testing.T) {
	w := newWorld(DefaultConfig())
	w.secret = bytes.Repeat([]byte{7}, 32)
	seen := map[uint32]bool{}
	const count = 1 << 16
	for index := range uint32(count) {
		key := w.wireKey("h1", 16, index)
		assert.Less(t, key, uint32(count))
		seen[key] = true
	}
	assert.Len(t, seen, count, "each key of 16 bits stands for one index")
}

func TestWireKeyDependsOnEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(DefaultConfig())
		w.secret = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret")
		index := rapid.Uint32Range(0, 1<<24-1).Draw(t, "index")
		key := w.wireKey("h1", 32, index)
		assert.Equal(t, key, w.wireKey("h1", 32, index), "both ends compute the same")
		assert.Less(t, w.wireKey("h1", 24, index), uint32(1<<24))

		other := rapid.Uint32Range(0, 1<<24-1).Filter(func(o uint32) bool { return o != index })
		assert.NotEqual(t, key, w.wireKey("h1", 32, other.Draw(t, "other index")))
	})
}

func TestWireKeysOfHostsDiffer(t *testing.T) {
	w := newWorld(DefaultConfig())
	w.secret = bytes.Repeat([]byte{7}, 32)
	same := 0
	for index := range uint32(1000) {
		if w.wireKey("h1", 32, index) == w.wireKey("h2", 32, index) {
			same++
		}
	}
	assert.Less(t, same, 3, "keys of two hosts for one service are unrelated")
}

func TestWireKeyWithoutSecret(t *testing.T) {
	w := newWorld(DefaultConfig())
	assert.Equal(t, uint32(5), w.wireKey("h1", 32, 5))
	w.secret = []byte{1}
	assert.Equal(t, uint32(1<<24), w.wireKey("h1", 24, 1<<24), "an index that does not fit stays")
}
