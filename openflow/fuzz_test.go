package openflow_test

import (
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
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
