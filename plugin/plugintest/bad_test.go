package plugintest

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// TestBadPluginsDiffer: each bad plugin says something else than the good one, and leaves programs
// without a capture alone.
func TestBadPluginsDiffer(t *testing.T) {
	good := drive(t, mirror.New())
	good.send(world())
	good.wait(1)
	for _, bad := range BadPlugins() {
		t.Run(bad.Name, func(t *testing.T) {
			d := drive(t, Spoiled(mirror.New(), bad))
			d.send(world())
			d.wait(1)
			was, is := good.programs["h1"], d.programs["h1"]
			switch bad.Name {
			case "a mirror of a whole switch that no tap flow asks for":
				// The world has a tap flow that asks for it.
				assert.True(t, is.Mirrors[0].SelectAll)
			default:
				assert.False(t, was.Equal(&is))
			}

			was, is = good.programs["h2"], d.programs["h2"]
			assert.True(t, was.Equal(&is))
		})
	}
}
