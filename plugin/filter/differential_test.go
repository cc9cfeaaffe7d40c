//go:build linux

package filter_test

import (
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
func flowsOf(t testing.TB, p *filter.Program) table {
	flows := p.Flows(filter.Placement{Table: 2, Priority: 32000, Conjunction: 1,
		Match: oxm.Match{oxm.Metadata(metadata)}, Accept: []action.Instruction{
			action.GotoTable{Table: 4}}})

	if len(flows) != p.Len() || len(flows) > filter.MaxFlows {
		t.Fatalf("%d flows, and Len says %d", len(flows), p.Len())
	}
	for i := range flows {
		if err := flows[i].Match.Validate(); err != nil {
			t.Fatalf("%v: %v", &flows[i], err)
		}
	}
	return flows
}

// aboutFragments are expressions whose terms depend on each other in what later fragments lack.
var aboutFragments = []string{
	"ip6 and not tcp and not udp",
	"tcp and udp or ip6 proto 47 and ip6 proto 50",
	"tcp port 80 and not tcp port 443",
	"tcp port 80 and not port 80 or udp port 53 and not udp portrange 22-80",
	"dst port 80 and not (src net 10.0.0.0/8 and dst port 80)",
	"not tcp portrange 0-65535 and not icmp[0] >= 0",
	"tcp[13] & 2 != 0 and tcp[13] & 18 != 18",
	"tcp[13] & 2 = 0 and tcp[13] & 2 = 2 or icmp6[0] = 128 and ip6 host fe80::1",
	"src and dst port 53 and not src port 53",
}

// TestMeansWhatTcpdumpMeans holds random expressions to libpcap's verdict on random frames, in so
// far as Open vSwitch and libpcap know the same of them:
//
//   - Of a frame with a VLAN tag, libpcap is given the frame without it, and the truth of what the
//     expression asks about tags.
//   - Of a later fragment, libpcap is given the packets whose fragment it may be.
//   - Of a frame with cut headers, IPv6 extension headers, or LLC and SNAP, libpcap is given a
//     plain frame with what Open vSwitch knows.
func TestMeansWhatTcpdumpMeans(t *testing.T) {
	ovs.Need(t, "tcpdump")
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	plain, late, odd := 0, 0, 0
	for i := range 150 {
		e := randomExpression(r, 1+r.IntN(5), chance(r, 20))
		if i < len(aboutFragments) {
			e = &expression{text: aboutFragments[i]}
		}
		program, ok := compile(t, e.String())
		if !ok {
			continue
		}
		flows := flowsOf(t, program)

		compiled := oracles{}
		for range 120 {
			frame := randomFrame(r)
			p := extract(frame)
			oracle := compiled.compile(t, e.with(p.tag()))

			var want bool
			switch {
			case p.frag&laterFragment != 0:
				late++
				want = someValue(t, oracle, p, strings.Contains(e.String(), "tcp["))
			case p.cut || p.extended || p.snap:
				odd++
				want = oracle.accepts(t, compose(p))
			default:
				plain++
				want = oracle.accepts(t, untagged(frame))
			}

			if got := flows.accepts(p, metadata); got != want {
				t.Fatalf("seed %d: %v\naccepts: %v, want %v\nframe %x\n%+v\n%v", seed, e, got, want,
					frame, p, program)
			}
		}
	}

	t.Logf("compared %d plain frames, %d later fragments and %d odd frames", plain, late, odd)
	if plain < 5000 || late < 500 || odd < 1000 {
		t.Error("too few frames were compared")
	}
}

// compile compiles an expression, or says why Open vSwitch cannot match it.
func compile(t *testing.T, expr string) (*filter.Program, bool) {
	program, err := filter.Compile(expr)
	if err != nil {
		t.Logf("%v: %v", expr, err)
	}
	return program, err == nil
}

// tag is the VLAN of a packet, or -1.
func (p packet) tag() *int {
	tag := -1
	if p.tci != 0 {
		tag = int(p.tci & 0xfff)
	}
	return &tag
}

// TestVLANFirst holds expressions that begin with vlan, as they do in tcpdump, to libpcap's verdict
// on frames with their tags.
func TestVLANFirst(t *testing.T) {
	ovs.Need(t, "tcpdump")
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	accepted, compared := 0, 0
	for range 30 {
		e := pick(r, []string{"vlan", "vlan 30", "vlan 5"}) + " and (" +
			randomExpression(r, 1+r.IntN(3), false).String() + ")"
		program, ok := compile(t, e)
		if !ok {
			continue
		}

		oracle, flows := compileByLibpcap(t, e), flowsOf(t, program)
		for range 200 {
			frame := randomFrame(r)
			p := extract(frame)
			if p.cut || p.extended || p.snap || p.frag&laterFragment != 0 ||
				be.Uint16(frame[12:]) == 0x9100 { // no tag to Open vSwitch, as the package says
				continue
			}

			compared++
			want := oracle.accepts(t, frame)
			if want {
				accepted++
			}
			if got := flows.accepts(p, metadata); got != want {
				t.Fatalf("seed %d: %v\naccepts: %v, want %v\nframe %x\n%v", seed, e, got, want,
					frame, program)
			}
		}
	}

	t.Logf("%d of %d frames accepted", accepted, compared)
	if accepted < 50 {
		t.Error("too few frames were accepted")
	}
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
