//go:build linux

package filter_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/tapline-sdn/tapline/plugin/filter"
)

// FuzzParse checks that no text makes the parser or the compiler fail, that errors point into the
// text, and that what is parsed is printed as an equal expression.
func FuzzParse(f *testing.F) {
	for _, expr := range onSwitches {
		f.Add(expr)
	}
	r := rand.New(rand.NewPCG(1, 4))
	for range 100 {
		f.Add(randomExpression(r, 1+r.IntN(5), true).String())
	}
	f.Add(`ether proto \ip or host 52-54-0-0-0-1 and not (10.1 || ::1/64) mask 255.0.0.0`)
	f.Add("tcp[10 + 3 : 1] ^ 7 << 2 >= 0x10 % 3 or len > 5")

	f.Fuzz(func(t *testing.T, expr string) {
		e, err := filter.Parse(expr)
		if err != nil {
			checkError(t, expr, err)
			return
		}

		again, err := filter.Parse(e.String())
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", expr, e, err)
		}
		if !e.Equal(again) || e.String() != again.String() {
			t.Fatalf("%q is printed as %q, which is %q", expr, e, again)
		}

		program, err := e.Compile()
		if err != nil {
			checkError(t, expr, err)
			return
		}
		flowsOf(t, program)
	})
}

func checkError(t *testing.T, expr string, err error) {
	t.Helper()
	var at *filter.Error
	if !errors.As(err, &at) {
		t.Fatalf("%q: %v is no *filter.Error", expr, err)
	}
	if at.Offset < 0 || at.Length < 0 || at.Offset+at.Length > len(expr) || at.Problem == "" {
		t.Fatalf("%q: %+v", expr, at)
	}
}
