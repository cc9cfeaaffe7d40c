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

// printSeed makes fingerprints different in each process, so that no plugin can choose objects that have the same.
var printSeed = maphash.MakeSeed()

// printer makes fingerprints, and keeps the first error.
type printer struct {
	buf []byte
	err error
}

// Kinds of objects.
const (
	printBridge byte = iota + 1
	printPort
	printMirror
	printFlow
	printHold
	printOther
)

func (p *printer) begin(kind byte) { p.buf = append(p.buf[:0], kind) }

func (p *printer) end() uint64 { return maphash.Bytes(printSeed, p.buf) }

// with is the fingerprint of what went before and of an object after it.
func (p *printer) with(before uint64, print uint64) uint64 {
	p.begin(printOther)
	p.buf = binary.BigEndian.AppendUint64(p.buf, before)
	p.buf = binary.BigEndian.AppendUint64(p.buf, print)
	return p.end()
}

func (p *printer) number(n uint64) { p.buf = binary.AppendUvarint(p.buf, n) }

func (p *printer) flag(b bool) {
	if b {
		p.number(1)
	} else {
		p.number(0)
	}
}

func (p *printer) texts(texts ...string) {
	for _, s := range texts {
		p.number(uint64(len(s)))
		p.buf = append(p.buf, s...)
	}
}

func (p *printer) list(texts []string) {
	p.number(uint64(len(texts)))
	p.texts(texts...)
}

func (p *printer) numbers(list []uint16) {
	p.number(uint64(len(list)))
	for _, n := range list {
		p.number(uint64(n))
	}
}

func (p *printer) pairs(m map[string]string) {
	p.number(uint64(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		p.texts(key, m[key])
	}
}

func (p *printer) bridge(b *tap.TapBridge) uint64 {
	p.begin(printBridge)
	p.texts(b.Name, b.DatapathType, b.FailMode)
	p.list(b.Protocols)
	p.pairs(b.OtherConfig)
	return p.end()
}

func (p *printer) port(o *tap.Port) uint64 {
	p.begin(printPort)
	p.texts(o.Owner, o.Bridge, o.Name, o.Type, o.VLANMode)
	p.pairs(o.Options)
	p.number(uint64(o.OFPortRequest))
	p.numbers(o.Trunks)
	p.flag(o.Plugged)
	return p.end()
}

func (p *printer) mirror(m *tap.Mirror) uint64 {
	p.begin(printMirror)
	p.texts(m.Owner, m.Bridge, m.Name, m.Output)
	p.flag(m.SelectAll)
	p.list(m.SelectSrc)
	p.list(m.SelectDst)
	p.numbers(m.SelectVLAN)
	return p.end()
}

func (p *printer) flow(f *tap.FlowEntry) uint64 {
	p.begin(printFlow)
	p.texts(f.Owner)
	buf, err := openflow.AppendMessage(p.buf, 0, &f.Mod)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("flow of %s: %w", f.Owner, err)
	}
	p.buf = buf
	return p.end()
}

func (p *printer) hold(h *tap.Hold) uint64 {
	p.begin(printHold)
	p.number(uint64(h.Cookie))
	p.texts(h.Owner)
	return p.end()
}

// prints are the fingerprints of a program's objects, in their order.
type prints struct{ ports, mirrors, flows []uint64 }

// program makes the fingerprints of a program that follows another one.
func (p *printer) program(now *tap.Program, before *Desired) prints {
	was := before.Program
	return prints{
		ports:   printAll(was.Ports, now.Ports, before.prints.ports, (*tap.Port).Equal, p.port),
		mirrors: printAll(was.Mirrors, now.Mirrors, before.prints.mirrors, (*tap.Mirror).Equal, p.mirror),
		flows:   printAll(was.Flows, now.Flows, before.prints.flows, (*tap.FlowEntry).Equal, p.flow),
	}
}

// reach is how far ahead an object of a program is looked for in the one before.
const reach = 8

// printAll makes the fingerprints of objects. What stands as in the program before keeps the one that it had.
func printAll[T any](before, now []T, prints []uint64, same func(a, b *T) bool, print func(*T) uint64) []uint64 {
	out := make([]uint64, len(now))
	next := 0
	for i := range now {
		at, end := next, min(next+reach, len(before))
		for at < end && !same(&before[at], &now[i]) {
			at++
		}
		if at < end {
			out[i], next = prints[at], at+1
		} else {
			out[i] = print(&now[i])
		}
	}
	return out
}
