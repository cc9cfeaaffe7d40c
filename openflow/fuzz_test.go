package openflow_test

import (
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/internal/generate"
)

// FuzzParse holds Parse to its promises for any input: see checkParse. The
// length in the header is corrected, so that the fuzzer need not find it.
func FuzzParse(f *testing.F) {
	for _, m := range messages() {
		b, err := openflow.AppendMessage(nil, 1, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > openflow.MaxMessageLen {
			return
		}
		if len(b) >= openflow.HeaderLen {
			b[2], b[3] = byte(len(b)>>8), byte(len(b))
		}
		m, _, err := openflow.Parse(b)
		checkParse(t, b, m, err)
	})
}

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
