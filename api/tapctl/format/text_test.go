package format

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestScaled(t *testing.T) {
	for _, tc := range []struct {
		n    float64
		want string
	}{
		{0, "0 B"}, {999, "999 B"}, {999.6, "1.0 kB"}, {8000, "8.0 kB"}, {123_400, "123 kB"},
		{99_949, "99.9 kB"}, {99_951, "100 kB"}, {2.5e9, "2.5 GB"}, {1.8e19, "18.0 EB"},
		{math.MaxUint64 * 1000, "18447 EB"},
	} {
		require.Equal(t, tc.want, Scaled(tc.n, "B"))
	}
	require.Equal(t, "3 (1.5 kB)", Packets(3, 1500))
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		text    string
		columns int
		want    string
	}{
		{"web", 3, "web"}, {"web-vm", 4, "web…"}, {"采集服务", 5, "采集…"}, {"采集服务", 4, "采…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		got := Cut(tc.text, tc.columns)
		require.Equal(t, tc.want, got)
		require.LessOrEqual(t, Width(got), tc.columns)
	}
}

func TestPrintable(t *testing.T) {
	require.Equal(t, "a?[2J?b?", Printable("a\x1b[2J\u009bb\xff"))
	require.Equal(t, "a?\nb", PrintableLines("a\t\nb"))
	require.Equal(t, "vm?gpj.exe?", Printable("vm\u202egpj.exe\u2069"), "no overrides of direction")
	require.Equal(t, "a?b?c?d", Printable("a\u200bb\u2028c\ufeffd"))
	require.Equal(t, "می\u200cخواهم 数据 é", Printable("می\u200cخواهم 数据 é"), "names as they are")
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 1, 13, 0, 0, 5, time.FixedZone("", 3600))
	require.Equal(t, "2026-11-01T12:00:00Z", Time(at))
	require.Empty(t, Time(time.Time{}))
	require.Equal(t, "2026-11-01T12:00:00Z", TimeText("2026-11-01T13:00:00.5+01:00"))
	require.Equal(t, "soon", TimeText("soon"))
	require.Equal(t, " since 2026-11-01T12:00:00Z", Since(&at))
	require.Empty(t, Since(nil))
}

func TestJoinedTexts(t *testing.T) {
	require.Equal(t, "a  b", Join("a", "", "b"))
	require.Equal(t, "NIC eth0", Labelled("NIC", "eth0"))
	require.Empty(t, Labelled("NIC", ""))
	require.Equal(t, "1 flow", Counted(1, "flow"))
	require.Equal(t, "0 flows", Counted(0, "flow"))
	require.Equal(t, "b", First("", "b", "c"))
	require.Equal(t, "-", OrDash(""))
}

// TestTreeKeepsTheOrder reads and writes JSON whose order and numbers have to stay.
func TestTreeKeepsTheOrder(t *testing.T) {
	const text = `{"b":1,"a":[{"z":null,"y":true},18446744073709551615],"c":{}}`
	tree, err := Tree(json.RawMessage(text))
	require.NoError(t, err)
	out, err := json.Marshal(tree)
	require.NoError(t, err)
	require.Equal(t, text, string(out))
}

func TestFields(t *testing.T) {
	value := Object{
		{"name", "web"}, {"none", ""}, {"list", []any{"a", Object{{"k", "v"}, {"empty", ""}}}},
		{"object", Object{{"k", []any{"x", "y"}}}}, {"lines", "1\n2\n"}, {"no", []any{}},
		{"counters", Object{{"n", json.Number("1")}}}, {"evil", "\x1b[2J"},
	}

	var b strings.Builder
	require.NoError(t, Fields(&b, value, map[string]string{"counters": "for people"}))
	require.Equal(t, `name      web
none      -
list      a
          k=v
object    k=x,y
lines     1
          2
no        -
counters  for people
evil      ?[2J
`, b.String())

	require.Error(t, Fields(&b, "text", nil))
}

func TestChosenColumns(t *testing.T) {
	columns := []Column[string]{
		{Title: "NAME", Value: strings.Clone},
		{Title: "LAST-USED", Value: func(string) string { return "" }},
		{Title: "ID", Value: strings.ToUpper, Drop: true, Wide: true},
	}

	write := func(s Style) string {
		t.Helper()
		var b strings.Builder
		require.NoError(t, Table(&b, columns, []string{"web"}, s))
		return b.String()
	}

	require.Equal(t, "NAME  LAST-USED\nweb   -\n", write(Style{Format: "table"}))
	require.Equal(t, "NAME  LAST-USED  ID\nweb   -          WEB\n",
		write(Style{Format: "wide", Terminal: 5}))

	require.Equal(t, "WEB  -\n", write(Style{Columns: []string{"id", "last_used"},
		NoHeaders: true}))

	require.Equal(t, "ID\nWEB\n", write(Style{Columns: []string{"ID"}, Terminal: 1}),
		"it was asked for")
}
