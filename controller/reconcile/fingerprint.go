package reconcile

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// fingerprintSeed makes fingerprints differ from process to process, so that no plugin can choose
// two objects with the same fingerprint.
var fingerprintSeed = maphash.MakeSeed()

// fingerprinter makes fingerprints, and keeps the first error.
type fingerprinter struct {
	buf []byte
	err error
}

// Kinds of objects.
const (
	kindBridge byte = iota + 1
	kindPort
	kindMirror
	kindFlow
	kindHold
	kindGroup
	kindMeter
	kindOther
)

func (p *fingerprinter) begin(kind byte) { p.buf = append(p.buf[:0], kind) }

func (p *fingerprinter) end() uint64 { return maphash.Bytes(fingerprintSeed, p.buf) }

// with is the fingerprint of a sequence that one more object follows.
func (p *fingerprinter) with(before, object uint64) uint64 {
	p.begin(kindOther)
	p.buf = binary.BigEndian.AppendUint64(p.buf, before)
	p.buf = binary.BigEndian.AppendUint64(p.buf, object)
	return p.end()
}

func (p *fingerprinter) number(n uint64) { p.buf = binary.AppendUvarint(p.buf, n) }

func (p *fingerprinter) flag(b bool) {
	if b {
		p.number(1)
	} else {
		p.number(0)
	}
}

func (p *fingerprinter) texts(texts ...string) {
	for _, s := range texts {
		p.number(uint64(len(s)))
		p.buf = append(p.buf, s...)
	}
}

func (p *fingerprinter) list(texts []string) {
	p.number(uint64(len(texts)))
	p.texts(texts...)
}

func (p *fingerprinter) numbers(list []uint16) {
	p.number(uint64(len(list)))
	for _, n := range list {
		p.number(uint64(n))
	}
}

func (p *fingerprinter) pairs(m map[string]string) {
	p.number(uint64(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		p.texts(key, m[key])
	}
}

func (p *fingerprinter) bridge(b *tap.TapBridge) uint64 {
	p.begin(kindBridge)
	p.texts(b.Name, b.DatapathType, b.FailMode)
	p.list(b.Protocols)
	p.pairs(b.OtherConfig)
	p.flag(b.MatchFragments)
	return p.end()
}

func (p *fingerprinter) port(o *tap.Port) uint64 {
	p.begin(kindPort)
	p.texts(o.Owner, o.Bridge, o.Name, o.Type, o.VLANMode)
	p.pairs(o.Options)
	p.number(uint64(o.OFPortRequest))
	p.numbers(o.Trunks)
	p.flag(o.Plugged)
	return p.end()
}

func (p *fingerprinter) mirror(m *tap.Mirror) uint64 {
	p.begin(kindMirror)
	p.texts(m.Owner, m.Bridge, m.Name, m.Output)
	p.flag(m.SelectAll)
	p.flag(m.Leaving)
	p.list(m.SelectSrc)
	p.list(m.SelectDst)
	p.numbers(m.SelectVLAN)
	return p.end()
}

func (p *fingerprinter) flow(f *tap.FlowEntry) uint64 {
	return p.message(kindFlow, f.Owner, &f.Mod)
}

// message is the fingerprint of an owner's flow, group or meter.
func (p *fingerprinter) message(kind byte, owner string, m openflow.Message) uint64 {
	p.begin(kind)
	p.texts(owner)
	buf, err := openflow.AppendMessage(p.buf, 0, m)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("%v of %s: %w", m.Type(), owner, err)
	}
	p.buf = buf
	return p.end()
}

func (p *fingerprinter) hold(h *tap.Hold) uint64 {
	p.begin(kindHold)
	p.number(uint64(h.Cookie))
	p.texts(h.Owner)
	return p.end()
}

// fingerprints are the fingerprints of a program's objects, in their order.
type fingerprints struct{ ports, mirrors, flows []uint64 }

// program makes the fingerprints of a program that follows another one.
func (p *fingerprinter) program(now *tap.Program, before *Desired) fingerprints {
	was := before.Program
	return fingerprints{
		ports: fingerprintAll(was.Ports, now.Ports, before.objects.ports, (*tap.Port).Equal,
			p.port),
		mirrors: fingerprintAll(was.Mirrors, now.Mirrors, before.objects.mirrors,
			(*tap.Mirror).Equal, p.mirror),
		flows: fingerprintAll(was.Flows, now.Flows, before.objects.flows, (*tap.FlowEntry).Equal,
			p.flow),
	}
}

// reach is how far ahead an object of a program is looked for in the one before.
const reach = 8

// fingerprintAll makes the fingerprints of objects. An object that the program before had keeps its
// fingerprint.
func fingerprintAll[T any](
	before, now []T, known []uint64, same func(a, b *T) bool, fingerprint func(*T) uint64,
) []uint64 {
	out := make([]uint64, len(now))
	next := 0
	for i := range now {
		at, end := next, min(next+reach, len(before))
		for at < end && !same(&before[at], &now[i]) {
			at++
		}
		if at < end {
			out[i], next = known[at], at+1
		} else {
			out[i] = fingerprint(&now[i])
		}
	}

	return out
}
