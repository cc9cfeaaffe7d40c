package plugin

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/openflow"
	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestKeptPrograms: whatever is told of hosts, one after the other, the other end has the same; and
// it remembers no host that is gone.
func TestKeptPrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var here sentPrograms
		there := map[string]tap.Program{}
		hosts := []string{"h1", "h2", "h3"}
		alive := map[string]bool{}
		for revision := range uint64(rapid.IntRange(1, 12).Draw(t, "changes")) {
			c := tap.Change{Revision: revision, Reset: rapid.IntRange(0, 9).Draw(t, "reset") == 0}
			r := tap.Result{Revision: revision}
			for _, h := range hosts {
				switch rapid.SampledFrom([]string{"stays", "changes", "goes"}).Draw(t, h) {
				case "changes":
					alive[h] = true
					r.Programs = append(r.Programs, drawProgram(t, h))
				case "goes":
					delete(alive, h)
					c.Gone.Hosts = append(c.Gone.Hosts, h)
				default:
					if c.Reset {
						delete(alive, h)
					}
				}
				if c.Reset && alive[h] {
					c.Hosts = append(c.Hosts, tap.Host{ID: h})
				}
			}

			here.noteChange(&c, true)
			m, err := here.encode(&r)
			require.NoError(t, err)
			wire, err := proto.Marshal(m)
			require.NoError(t, err)
			var arrived pb.Result
			require.NoError(t, proto.Unmarshal(wire, &arrived))
			back, err := resultFromPB(&arrived, there)
			require.NoError(t, err)
			assert.Equal(t, r, back)
			assert.ElementsMatch(t, slices.Collect(maps.Keys(alive)),
				slices.Collect(maps.Keys(there)))

			assert.ElementsMatch(t, slices.Collect(maps.Keys(alive)),
				slices.Collect(maps.Keys(here.byHost)))
		}
	})
}

// drawProgram is a program of few kinds of objects, so that many are as before.
func drawProgram(t *rapid.T, host string) tap.Program {
	p := tap.Program{Host: host}
	for _, i := range rapid.SliceOfDistinct(rapid.IntRange(0, 9),
		func(i int) int { return i }).Draw(t, "objects") {
		owner := fmt.Sprint("cap", i)
		kind := rapid.IntRange(0, 2).Draw(t, "kind")
		p.Ports = append(p.Ports, tap.Port{Owner: owner, Name: fmt.Sprint("port", i),
			OFPortRequest: uint32(kind)})
		p.Mirrors = append(p.Mirrors, tap.Mirror{Owner: owner, Name: fmt.Sprint("mirror", i),
			SelectSrc: slices.Repeat([]string{"vnet"}, 1+kind)})
		p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner,
			Mod: openflow.FlowMod{Priority: uint16(i), Cookie: openflow.Cookie(kind)}})
	}

	return p
}

// TestKeptIsSmall: of a large program the wire has what differs; and all of it where the other end
// remembers nothing.
func TestKeptIsSmall(t *testing.T) {
	program := func(last string) tap.Program {
		p := tap.Program{Host: "h1"}
		for i := range 1000 {
			p.Mirrors = append(p.Mirrors, tap.Mirror{Owner: "cap1", Name: fmt.Sprint("mirror", i),
				SelectSrc: slices.Repeat([]string{"vnet1"}, 20)})
		}
		p.Mirrors[500].SelectSrc = []string{last}
		return p
	}
	for _, remembers := range []bool{false, true} {
		var here sentPrograms
		here.noteChange(&tap.Change{}, remembers)
		var sizes []int
		for _, last := range []string{"vnet2", "vnet3"} {
			m, err := here.encode(&tap.Result{Programs: []tap.Program{program(last)}})
			require.NoError(t, err)
			sizes = append(sizes, proto.Size(m))
		}
		assert.Equal(t, remembers, sizes[1] < sizes[0]/10, "%d bytes, then %d", sizes[0], sizes[1])
	}
}
