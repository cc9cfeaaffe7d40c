package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0:         400, // before the first collection
		4 << 20:   400,
		16 << 20:  100,
		100 << 20: gcPercent,
		8 << 30:   gcPercent,
	} {
		assert.Equal(t, want, garbagePercent(gcPercent, live), "%d MiB live", live>>20)
	}
}
