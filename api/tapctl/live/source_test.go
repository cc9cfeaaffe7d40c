package live

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInterfaces: each name leads back to what it is of.
func TestInterfaces(t *testing.T) {
	for _, want := range []source{
		{guest: "web"}, {guest: "a,b/c%", mac: "52:54:00:00:00:01"}, {host: "h,1", wire: "net 0"},
	} {
		parts := []string{"guest", want.guest}
		if want.host != "" {
			parts = []string{"wire", want.host, want.wire}
		} else if want.mac != "" {
			parts = append(parts, "52-54-00-00-00-01")
		}
		var got source
		require.NoError(t, got.setInterface(interfaceName(parts...)))
		assert.Equal(t, want, got)
	}
	for _, wrong := range []string{
		"", "eth0", "tapline,guest", "tapline,wire,h1", "tapline,x,%zz",
	} {
		assert.Error(t, new(source).setInterface(wrong), wrong)
	}
}
