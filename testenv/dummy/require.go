//go:build linux

package dummy

import (
	"slices"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// Require skips a test if something is missing that dummy hosts need (see [lab.SkipWithout]). They
// need the same as hosts of package lab, without root.
func Require(t testing.TB) {
	t.Helper()
	lab.SkipWithout(t, "dummy hosts need", slices.DeleteFunc(lab.Missing(), func(what string) bool {
		return what == "root" || what == "/dev/net/tun" || strings.HasPrefix(what, "nsenter ")
	}))
}
