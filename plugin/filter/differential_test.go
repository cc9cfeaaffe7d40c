package filter_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/filter"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

const metadata = 0x1234

// flowsOf places a program among flows of other captures.
func flowsOf(p *filter.Program) table {
	return p.Flows(filter.Placement{Table: 2, Priority: 32000, Conjunction: 1,
		Match: oxm.Match{oxm.Metadata(metadata)}, Accept: []action.Instruction{
			action.GotoTable{Table: 4}}})
}

// tags are the VLANs that frames have, and -1 for frames without a tag.
func tags() []int {
	all := []int{-1}
	for _, tag := range poolTag {
		all = append(all, int(tag))
	}
	return all
}

// TestMeansWhatTcpdumpMeans holds random expressions to libpcap's verdict on random frames.
func TestMeansWhatTcpdumpMeans(t *testing.T) {
	ovs.Need(t, "tcpdump")
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	compared, late, odd := 0, 0, 0
	for compared < 3000 {
		e := randomExpression(r, 1+r.IntN(5), chance(r, 20))
		program, err := filter.Compile(e.String())
		if tooLarge := (*filter.Error)(nil); errors.As(err, &tooLarge) {
			t.Logf("%v: %v", e, err)
			continue
		}
		flows := flowsOf(program)

		oracles := map[int]libpcap{}
		for _, tag := range tags() {
			oracles[tag] = compileByLibpcap(t, e.with(&tag))
		}

		for range 60 {
			frame := randomFrame(r)
			p := extract(frame)
			tag := -1
			if p.tci != 0 {
				tag = int(p.tci & 0xfff)
			}

			var want bool
			switch {
			case p.frag&laterFragment != 0:
				want = someValue(t, oracles[tag], p, strings.Contains(e.String(), "tcp["))
				late++
			case p.cut || p.extended || p.snap:
				want = oracles[tag].accepts(t, compose(p))
				odd++
			default:
				want = oracles[tag].accepts(t, untagged(frame))
			}

			compared++
			if got := flows.accepts(p, metadata); got != want {
				t.Fatalf("seed %d: %v\naccepts: %v, want %v\nframe %x\n%+v\n%v", seed, e, got, want,
					frame, p, program)
			}
		}
	}
	t.Logf("%d pairs compared, %d of later fragments, %d of other odd frames", compared, late, odd)
}

// someValue reports whether a later fragment would be accepted with some value of what it lacks.
func someValue(t *testing.T, oracle libpcap, p packet, flags bool) bool {
	protocols := []uint8{p.proto}
	if p.typ == 0x86dd {
		protocols = poolIP
	}

	p.frag = 0
	for _, p.proto = range protocols {
		frame := compose(p)
		header := frame[len(frame)-100-len(transport(p.proto, 0, 0, 0, 0, 0)):]
		found := false
		eachTransport(p.proto, header, flags, func() bool {
			found = oracle.accepts(t, frame)
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// eachTransport writes all values into the header of a protocol that random expressions can tell
// apart, until next returns false.
func eachTransport(proto uint8, header []byte, flags bool, next func() bool) {
	switch proto {
	case 6, 17, 132:
		last := 0
		if flags && proto == 6 {
			last = 255
		}
		for _, src := range poolPort {
			for _, dst := range poolPort {
				for n := range 4 {
					be.PutUint16(header, src+uint16(n&1))
					be.PutUint16(header[2:], dst+uint16(n>>1))
					for f := 0; f <= last; f++ {
						if proto == 6 {
							header[13] = byte(f)
						}
						if !next() {
							return
						}
					}
				}
			}
		}
	case 1, 58:
		for v := range 65536 {
			header[0], header[1] = byte(v), byte(v>>8)
			if !next() {
				return
			}
		}
	default:
		next()
	}
}
