package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, path)
}

// inputs returns the test files of a kind, sorted by name. It fails if there are none.
func inputs(t testing.TB, kind string) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*." + kind + ".yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func TestGood(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	for _, path := range inputs(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := config.Load(path)
			require.NoError(t, err)
			require.NoError(t, c.Validate())
			got, err := json.MarshalIndent(c, "", "  ")
			require.NoError(t, err)
			golden(t, strings.TrimSuffix(path, ".yml")+".json", string(got)+"\n")
		})
	}
}

func TestBad(t *testing.T) {
	for _, path := range inputs(t, "bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := config.Load(path)
			require.Error(t, err)
			require.Nil(t, c)
			golden(t, strings.TrimSuffix(path, ".yml")+".txt", err.Error()+"\n")
			var all config.Errors
			require.ErrorAs(t, err, &all)
			for _, e := range all {
				require.Positive(t, e.Line, e)
				require.Positive(t, e.Column, e)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	tests := []struct{ name, state, home, want string }{
		{"state home", "/state", "/home/u", "/state/tapline"},
		{"home", "", "/home/u", "/home/u/.local/state/tapline"},
		{"relative state home is ignored", "state", "/home/u", "/home/u/.local/state/tapline"},
		{"neither", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", tt.state)
			t.Setenv("HOME", tt.home)
			c := config.Default()
			require.Equal(t, tt.want, c.DataDir)
			if tt.want == "" {
				require.EqualError(
					t,
					c.Validate(),
					"data_dir: it is missing, and there is no home folder: want a folder such as "+
						"/var/lib/tapline",
				)
				return
			}
			require.NoError(t, c.Validate())
			parsed, err := config.Parse("tapline.yaml", nil)
			require.NoError(t, err)
			want, err := json.Marshal(c)
			require.NoError(t, err)
			got, err := json.Marshal(parsed)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got))
		})
	}
}

func TestLoadFails(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.yaml")
	_, err := config.Load(absent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, absent)
}

func TestRelativePaths(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "tapline.yaml")
	require.NoError(
		t,
		os.WriteFile(
			path,
			[]byte("data_dir: state\nplugins: [{name: mirror, path: bin/tapline-mirror}]\n"),
			0o600,
		),
	)
	c, err := config.Load(path)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "state"), c.DataDir)
	require.Equal(t, filepath.Join(folder, "bin/tapline-mirror"), c.Plugins[0].Path)
}

func TestPosition(t *testing.T) {
	c, err := config.Load("testdata/full.good.yml")
	require.NoError(t, err)
	tests := []struct {
		path         string
		line, column int
	}{
		{"", 2, 1},
		{"data_dir", 2, 1},
		{"api.tls.client_ca", 11, 47},
		{"plugins", 24, 1},
		{"plugins[0]", 25, 5},
		{"plugins[0].sha256", 27, 5},
		{"plugins[0].config.tunnel", 30, 7},
		{"plugins[0].config.list[3].four", 39, 30},
		{`plugins[0].config["dotted.word"]`, 40, 7},
		{"plugins[0].config.absent", 28, 5},
		{"plugins[0].config.absent.deeper[1]", 28, 5},
		{"plugins[7].config", 24, 1},
		{`hosts[0].wires["net.1"]`, 56, 84},
		{"hosts[1].nics[1].mac", 64, 9},
	}
	for _, tt := range tests {
		line, column, ok := c.Position(tt.path)
		require.True(t, ok, tt.path)
		require.Equal(t, [2]int{tt.line, tt.column}, [2]int{line, column}, tt.path)
	}
	for _, path := range []string{"absent", "absent.deeper"} {
		_, _, ok := c.Position(path)
		require.False(t, ok, path)
	}
	_, _, ok := config.Default().Position("data_dir")
	require.False(t, ok)
}

func TestError(t *testing.T) {
	c, err := config.Load("testdata/full.good.yml")
	require.NoError(t, err)
	require.EqualError(
		t,
		c.Error("plugins[0].config.tunnel", "%q is not supported: want gre", "vxlan"),
		`testdata/full.good.yml:30:7: plugins[0].config.tunnel: "vxlan" is not supported: want gre`,
	)
	require.EqualError(t, c.Error("", "no"), "testdata/full.good.yml:2:1: no")
	require.EqualError(t, config.Default().Error("api.listen", "no"), "api.listen: no")
}

// A configuration that flags have changed is validated again. Its errors still have their places in
// the file.
func TestValidateAfterChange(t *testing.T) {
	c, err := config.Load("testdata/full.good.yml")
	require.NoError(t, err)
	c.Hosts[1].NICs[0].Name = ""
	c.API.Listen = "x"
	err = c.Validate()
	require.EqualError(
		t,
		err,
		`testdata/full.good.yml:7:3: api.listen: "x" is not an address to listen on: `+
			`want IP:PORT such as 0.0.0.0:6653 or [::1]:8640
testdata/full.good.yml:61:9: hosts[1].nics[0].name: it is missing: want the name of a NIC`,
	)
	var one *config.Error
	require.ErrorAs(t, err, &one)
	require.Equal(t, "api.listen", one.Path)
}

func TestManyHosts(t *testing.T) {
	var b strings.Builder
	b.WriteString("hosts:\n")
	for i := range 2000 {
		fmt.Fprintf(
			&b,
			"  - {name: h%d, ovsdb: \"tcp:10.0.%d.%d:6640\", wires: {net0: br0}}\n",
			i,
			i/250,
			i%250,
		)
	}
	c, err := config.Parse("tapline.yaml", []byte(b.String()))
	require.NoError(t, err)
	require.Len(t, c.Hosts, 2000)
	line, _, ok := c.Position("hosts[1999].name")
	require.True(t, ok)
	require.Equal(t, 2001, line)
}

func TestNesting(t *testing.T) {
	for _, open := range []string{"[", "{a: ", "- ", "? ", "!t ", "&a "} {
		_, err := config.Parse("tapline.yaml", []byte(strings.Repeat(open, 10_000/len(open))))
		var all config.Errors
		require.ErrorAs(t, err, &all, open)
	}
}

func FuzzParse(f *testing.F) {
	for _, kind := range []string{"good", "bad"} {
		for _, path := range inputs(f, kind) {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("testdata/fuzz.yaml", data)
		if (c == nil) != (err != nil) {
			t.Fatalf("configuration %v with error %v", c, err)
		}
		if err != nil {
			var all config.Errors
			if !errors.As(err, &all) || len(all) == 0 || err.Error() == "" {
				t.Fatalf("error %q says nothing", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("what was accepted is not valid: %v", err)
		}
		for _, p := range c.Plugins {
			if p.Config != nil && !json.Valid(p.Config) {
				t.Fatalf("%s is not JSON", p.Config)
			}
		}
	})
}
