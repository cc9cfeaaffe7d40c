package oxm_test

import (
	"testing"

	"github.com/tapline-sdn/tapline/openflow/internal/generate"
)

// FuzzNormalize: the canonical form is a fixpoint, and so is its encoding.
func FuzzNormalize(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		m := generate.New(seed).Match()
		if err := m.Validate(); err != nil {
			t.Fatalf("%v: %v", m, err)
		}

		once := m.Normalize()
		twice := once.Normalize()
		if once.String() != twice.String() || len(once) != len(twice) {
			t.Fatalf("Normalize:\n once  %v\n twice %v", once, twice)
		}
	})
}
