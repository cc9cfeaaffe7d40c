package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/config"
)

// encoded encodes a configuration, and loads it from a file in another folder.
func encoded(t *testing.T, c *config.Config) *config.Config {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	text, err := c.Encode(here)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tapline.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	again, err := config.Load(path)
	require.NoError(t, err, "%s", text)
	return again
}

// fields returns a configuration as JSON, with paths relative to the present folder.
func fields(t *testing.T, c *config.Config) string {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	copied := *c
	for _, path := range []*string{
		&copied.DataDir, &copied.Store.PasswordFile, &copied.Replica.CA,
		&copied.Store.TLS.Cert, &copied.Store.TLS.Key, &copied.Store.TLS.CA,
		&copied.API.TLS.Cert, &copied.API.TLS.Key, &copied.API.TLS.CA,
		&copied.OpenFlow.TLS.Cert, &copied.OpenFlow.TLS.Key, &copied.OpenFlow.TLS.CA,
		&copied.OVSDB.TLS.Cert, &copied.OVSDB.TLS.Key, &copied.OVSDB.TLS.CA,
	} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(here, *path)
		}
	}
	text, err := json.MarshalIndent(copied, "", "  ")
	require.NoError(t, err)
	return string(text)
}

// TestEncode: an encoded configuration means the same as the original.
func TestEncode(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	t.Run("default", func(t *testing.T) {
		require.Equal(t, fields(t, config.Default()), fields(t, encoded(t, config.Default())))
	})
	for _, path := range inputs(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := config.Load(path)
			require.NoError(t, err)
			require.Equal(t, fields(t, c), fields(t, encoded(t, c)))
		})
	}
}

// TestEncodeEverything: full.good.yml has every setting, so TestEncode compares no setting that is
// empty on both sides.
func TestEncodeEverything(t *testing.T) {
	c, err := config.Load("testdata/full.good.yml")
	require.NoError(t, err)
	set := map[string]bool{}
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		set[path] = set[path] || !v.IsZero()
		switch {
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
			for i := range v.Len() {
				look(path+"[]", v.Index(i))
			}
		case v.Kind() == reflect.Struct &&
			v.Type().PkgPath() == reflect.TypeFor[config.Config]().PkgPath():
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					look(path+"."+f.Name, v.Field(i))
				}
			}
		}
	}
	look("", reflect.ValueOf(*c))
	require.Greater(t, len(set), 30)
	for path, is := range set {
		// An empty list of keys is a setting, too.
		require.True(
			t,
			is || path == ".Inventory.GuestKeys",
			"testdata/full.good.yml does not set %s, so nothing tells whether it is encoded",
			path,
		)
	}
}

func TestEncodeKeepsSecrets(t *testing.T) {
	c := config.Default()
	c.Hypervisor.URI = "qemu+tcp://admin:hush@{host}/system"
	c.Hypervisor.Hosts = map[string]string{
		"h2": "qemu+ssh://root@{ip}:22/system",
		"h3": "qemu+tcp://:hush@h3/system",
	}
	c.Plugins[0].Config = json.RawMessage(
		`{"bridge":"brtap","api_key":"hush","db":{"Password":"hush","users":[{"token":"hush",
			"name":"u"}]},
		"secrets":["hush"],"private":7,"password":null,"token_file":"/etc/token",
			"key_path":"/etc/key","keys":2}`,
	)
	c.Plugins[0].Path = "bin/tapline-mirror"
	text, err := c.Encode("/srv")
	require.NoError(t, err)
	require.NotContains(t, string(text), "hush")
	var got struct {
		Plugins []struct {
			Path   string
			Config json.RawMessage
		}
		Hypervisor struct {
			URI   string
			Hosts map[string]string
		}
	}
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(
		t,
		`{"bridge":"brtap","api_key":"REDACTED","db":{"Password":"REDACTED",`+
			`"users":[{"token":"REDACTED","name":"u"}]},`+
			`"secrets":"REDACTED","private":"REDACTED","password":null,"token_file":"/etc/token",`+
			`"key_path":"/etc/key","keys":2}`,
		string(got.Plugins[0].Config),
	)
	require.Equal(t, "/srv/bin/tapline-mirror", got.Plugins[0].Path)
	require.Equal(t, "qemu+tcp://admin:REDACTED@{host}/system", got.Hypervisor.URI)
	require.Equal(
		t,
		map[string]string{
			"h2": "qemu+ssh://root@{ip}:22/system",
			"h3": "qemu+tcp://:REDACTED@h3/system",
		},
		got.Hypervisor.Hosts,
	)
	require.Equal(
		t,
		"bin/tapline-mirror",
		c.Plugins[0].Path,
		"the configuration itself stays as it is",
	)

	c.Plugins[0].Config = json.RawMessage(`{`)
	_, err = c.Encode("/srv")
	require.ErrorContains(t, err, "configuration of plugin mirror")
}
