package mirror_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

func TestParseConfig(t *testing.T) {
	const name = ` is not a bridge name: want 1 to 15 letters, digits, '_', '.' or '-'`
	for _, test := range []struct {
		name, give string
		want       mirror.Config
		errors     []plugin.FieldError
	}{
		{name: "nothing", give: "", want: mirror.DefaultConfig()},
		{name: "blanks", give: " \n\t", want: mirror.DefaultConfig()},
		{name: "empty", give: "{}", want: mirror.DefaultConfig()},
		{name: "null", give: "null", want: mirror.DefaultConfig()},
		{name: "all", give: `{"bridge": "spy", "tunnel": "gre"}`,
			want: mirror.Config{Bridge: "spy", Tunnel: "gre", VXLANPort: 24789}},
		{name: "VXLAN", give: `{"tunnel": "vxlan", "vxlan_port": 4789}`,
			want: mirror.Config{Bridge: "brtap", Tunnel: "vxlan", VXLANPort: 4789}},
		{name: "no port", give: `{"vxlan_port": 0}`,
			errors: []plugin.FieldError{{Field: "vxlan_port",
				Message: "0 is not a UDP port: want 1 to 65535"}}},
		{name: "port too large", give: `{"vxlan_port": 65536}`,
			errors: []plugin.FieldError{{Field: "vxlan_port",
				Message: "65536 is not a UDP port: want 1 to 65535"}}},
		{name: "a port in words", give: `{"vxlan_port": "high"}`,
			errors: []plugin.FieldError{{Field: "vxlan_port",
				Message: `"high" is not a UDP port: want 1 to 65535`}}},
		{name: "no port at all", give: `{"vxlan_port": null}`,
			errors: []plugin.FieldError{{Field: "vxlan_port",
				Message: "null is not a UDP port: want 1 to 65535"}}},
		{name: "one", give: `{"bridge": "br-tap_0.1"}`,
			want: mirror.Config{Bridge: "br-tap_0.1", Tunnel: "auto", VXLANPort: 24789}},
		{name: "longest name", give: `{"bridge": "abcdefghijklmno"}`,
			want: mirror.Config{Bridge: "abcdefghijklmno", Tunnel: "auto", VXLANPort: 24789}},
		{name: "name too long", give: `{"bridge": "abcdefghijklmnop"}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: `"abcdefghijklmnop"` + name}}},
		{name: "no name", give: `{"bridge": ""}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: `""` + name}}},
		{name: "name with a slash", give: `{"bridge": "a/b"}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: `"a/b"` + name}}},
		{name: "name of dots", give: `{"bridge": ".."}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: `".."` + name}}},
		{name: "name with a line end", give: `{"bridge": "a\n"}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: `"a\n"` + name}}},
		{name: "another tunnel", give: `{"tunnel": "ipip"}`,
			errors: []plugin.FieldError{{Field: "tunnel",
				Message: `"ipip" is not a tunnel type: want "gre", "vxlan" or "auto"`}}},
		{name: "a number", give: `{"bridge": 7}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: "7 is not a string"}}},
		{name: "a null", give: `{"bridge": null}`,
			errors: []plugin.FieldError{{Field: "bridge", Message: "null is not a string"}}},
		{name: "an unknown setting", give: `{"brige": "spy"}`,
			errors: []plugin.FieldError{{Field: "brige",
				Message: "is not a setting of this plugin: it has bridge, tunnel, vxlan_port"}}},
		{name: "everything wrong at once", give: `{"bridge": [], "tunnel": "", "color": "red"}`,
			errors: []plugin.FieldError{
				{Field: "bridge", Message: "[] is not a string"},
				{Field: "color",
					Message: "is not a setting of this plugin: it has bridge, tunnel, vxlan_port"},
				{Field: "tunnel",
					Message: `"" is not a tunnel type: want "gre", "vxlan" or "auto"`},
			}},
		{name: "a list", give: `[]`,
			errors: []plugin.FieldError{{Message: "want a mapping of settings: json: cannot " +
				"unmarshal array into Go value of type map[string]json.RawMessage"}}},
		{name: "no JSON", give: `bridge: spy`,
			errors: []plugin.FieldError{{Message: "want a mapping of settings: invalid character " +
				"'b' looking for beginning of value"}}},
		{name: "two values", give: `{} {}`,
			errors: []plugin.FieldError{{Message: "more than one value"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := mirror.ParseConfig([]byte(test.give))
			assert.Equal(t, test.want, got)
			if test.errors == nil {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, &plugin.ConfigError{Fields: test.errors}, err)
			assert.Equal(t, err, mirror.New().Configure(t.Context(), []byte(test.give)))
		})
	}
}

func TestConfigErrorText(t *testing.T) {
	_, err := mirror.ParseConfig([]byte(`{"bridge": 7, "x": 1}`))
	assert.EqualError(t, err,
		"bridge: 7 is not a string; x: is not a setting of this plugin: it has bridge, tunnel, "+
			"vxlan_port")
}

// TestSchemaTellsTheSettings holds the published schema against what is parsed.
func TestSchemaTellsTheSettings(t *testing.T) {
	d, err := mirror.New().Describe(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "mirror", d.Name)
	assert.Equal(t, plugin.Version, d.Version)
	var schema struct {
		Properties map[string]struct{ Default any }
	}
	require.NoError(t, json.Unmarshal([]byte(d.ConfigSchema), &schema))
	defaults := map[string]any{}
	for name, p := range schema.Properties {
		defaults[name] = p.Default
	}

	text, err := json.Marshal(defaults)
	require.NoError(t, err)
	config, err := mirror.ParseConfig(text)
	require.NoError(t, err)
	assert.Equal(t, mirror.DefaultConfig(), config)
	again, err := json.Marshal(config)
	require.NoError(t, err)
	assert.JSONEq(t, string(text), string(again), "the schema and Config have different settings")
}

// FuzzParseConfig: there is a configuration if and only if there is no error, errors are of the one
// type and name fields, and a configuration survives being written and read.
func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"bridge": "spy", "tunnel": "gre"}`,
		`{"bridge": 7}`, `[]`, `{} {}`, `{"bridge":"a","bridge":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := mirror.ParseConfig(data)
		if err != nil {
			var wrong *plugin.ConfigError
			if !errors.As(err, &wrong) || len(wrong.Fields) == 0 || config != (mirror.Config{}) {
				t.Fatalf("%+v, %v", config, err)
			}
			return
		}

		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}

		if again, err := mirror.ParseConfig(text); err != nil || again != config {
			t.Fatalf("%+v becomes %+v, %v", config, again, err)
		}
	})
}
