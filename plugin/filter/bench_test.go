package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/plugin/filter"
)

// BenchmarkCompile compiles filters of about 200 rules, each of another kind.
func BenchmarkCompile(b *testing.B) {
	list := func(n int, separator, format string) string {
		var terms []string
		for i := range n {
			terms = append(terms, fmt.Sprintf(format, i, i*7%251))
		}
		return strings.Join(terms, separator)
	}

	for _, bench := range []struct{ name, expr string }{
		{"one", "tcp port 443 and not net 10.0.0.0/8"},
		{"networks", "ip and (" + list(100, " or ", "net 10.%d.%d.0/24") + ")"},
		{"rejects", "not (" + list(200, " or ", "ip src net 10.%d.%d.0/24") + ")"},
		{"pairs", list(80, " or ", "(dst host 10.0.%d.1 and tcp dst port %d)")},
		{"product", "(" + list(100, " or ", "src host 10.0.%d.%d") + ") and (" +
			list(40, " or ", "tcp dst port %d%d") + ")"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			flows := 0
			for b.Loop() {
				program, err := filter.Compile(bench.expr)
				if err != nil {
					b.Fatal(err)
				}
				flows = program.Len()
			}
			b.ReportMetric(float64(flows), "flows")
		})
	}
}
