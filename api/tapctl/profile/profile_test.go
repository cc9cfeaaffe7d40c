package profile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/profile"
)

func TestPath(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": "/home/u"}, "/home/u/.config/tapline/config.yaml"},
		{map[string]string{"HOME": "/home/u", "XDG_CONFIG_HOME": "/etc/u"},
			"/etc/u/tapline/config.yaml"},
		{map[string]string{"HOME": "/home/u", "XDG_CONFIG_HOME": "u"},
			"/home/u/.config/tapline/config.yaml"},
		{map[string]string{"HOME": "/home/u", "TAPLINE_CONFIG": "/c"}, "/c"},
		{nil, ""},
	} {
		require.Equal(t, tc.want, profile.Path(func(name string) string { return tc.env[name] }))
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "config.yaml")
	none, err := profile.Read(path)
	require.NoError(t, err, "a file that does not exist is empty")
	require.Empty(t, none.Names())

	file := profile.File{Current: "no", Contexts: map[string]profile.Context{
		"no":  {Servers: []string{"http://[2001:db8::1]:8640", "http://b"}, Token: "tl_a: #\n\x1b"},
		"lab": {TokenFile: "/t", CAFile: "/ca", CertFile: "/cert", KeyFile: "/key"},
	}}
	require.NoError(t, file.Write(path))
	again, err := profile.Read(path)
	require.NoError(t, err)
	require.Equal(t, file, again)
	require.Equal(t, []string{"lab", "no"}, again.Names())

	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
	require.ErrorContains(t, file.Write("/proc/nothing/config.yaml"), "/proc/nothing")
}
