package filter_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/filter"
)

// TestDocument compiles what the page about filters tells users to write, and counts the flows that
// it promises.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../api/docs/filters.md")
	require.NoError(t, err)

	compiled := 0
	for line := range strings.Lines(string(text)) {
		cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(cell, "`") || strings.HasPrefix(cell, "`and`") {
			continue
		}
		for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			address := "10.0.0.1"
			if strings.HasPrefix(found[1], "ip6 ") {
				address = "2001:db8::1"
			}
			expr := strings.NewReplacer(" A", " "+address, " M", " 52:54:00:00:00:01", `\|`,
				"|").Replace(found[1])
			_, err := filter.Compile(expr)
			assert.NoError(t, err, expr)
			compiled++
		}
	}
	assert.Greater(t, compiled, 40)

	for _, promise := range regexp.MustCompile(
		"`([^`]+)` takes\\s+(\\d+)").FindAllStringSubmatch(string(text), -1) {
		program, err := filter.Compile(promise[1])
		require.NoError(t, err)
		assert.Equal(t, promise[2], strconv.Itoa(program.Len()), promise[1])
	}
}
