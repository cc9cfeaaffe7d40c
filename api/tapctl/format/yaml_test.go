package format

import (
	"bytes"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

func TestYAML(t *testing.T) {
	for name, tc := range map[string]struct {
		value any
		want  string
	}{
		"words": {map[string]any{"a": "ready", "b": "the guest has no NIC"},
			"a: ready\nb: the guest has no NIC\n"},
		"words with traps": {map[string]any{"a": "no", "b": "Null", "no": "x"},
			"a: \"no\"\nb: \"Null\"\n\"no\": x\n"},
		"MAC of base 60": {map[string]any{"mac": "52:54:00:12:34:56"},
			"mac: \"52:54:00:12:34:56\"\n"},
		"numbers as text": {map[string]any{"a": "1e3", "b": "0x1F", "c": "7"},
			"a: \"1e3\"\nb: \"0x1F\"\nc: \"7\"\n"},
		"numbers": {map[string]any{"a": 10000000, "b": true, "c": nil},
			"a: 10000000\nb: true\nc: null\n"},
		"signs": {map[string]any{"a": ": #", "b": "- x", "c": "a: b", "d": "a #b",
			"e": "x "}, "a: \": #\"\nb: \"- x\"\nc: \"a: b\"\nd: \"a #b\"\ne: \"x \"\n"},
		"control": {map[string]any{"a": "x\x1b[2J\u009by\u2028"},
			"a: \"x\\e[2J\\x9By\\L\"\n"},
		"lines": {map[string]any{"a": "<x>\n  <y/>\n</x>\n", "b": "1\n2"},
			"a: |\n  <x>\n    <y/>\n  </x>\nb: |-\n  1\n  2\n"},
		"lines with traps": {map[string]any{"a": " x\ny", "b": "x\n\x1b", "c": "x\n\n"},
			"a: \" x\\ny\"\nb: \"x\\n\\e\"\nc: \"x\\n\\n\"\n"},
		"empty": {map[string]any{"a": "", "b": []any{}, "c": map[string]any{}},
			"a: \"\"\nb: []\nc: {}\n"},
		"lists": {map[string]any{"a": []any{"x", "y"}}, "a:\n- x\n- \"y\"\n"},
		"objects in a list": {map[string]any{"a": []any{map[string]any{"b": 1, "c": []any{"d"},
			"e": map[string]any{"f": "g"}}}}, "a:\n- b: 1\n  c:\n  - d\n  e:\n    f: g\n"},
		"beyond ASCII": {map[string]any{"a": "采集"}, "a: \"采集\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, YAML(&b, tc.value))
			require.Equal(t, tc.want, b.String())
			var back any
			require.NoError(t, yaml.Unmarshal(b.Bytes(), &back))
			require.EqualValues(t, normal(tc.value), normal(back),
				"another reader must see the same")
		})
	}
}

// normal makes integers comparable, whatever type a reader gives them.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = normal(e)
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, normal(e))
		}
		return out
	case int:
		return uint64(v)
	}
	return v
}
