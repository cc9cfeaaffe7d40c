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

// printer makes fingerprints: of owners, each made of the one before and the next object, and of objects, which it returns.
type printer struct {
	of  map[string]uint64
	buf []byte
}

// Kinds of objects.
const (
	printBridge byte = iota + 1
	printPort
	printMirror
	printFlow
	printOther
)

func (p *printer) begin(kind byte) { p.buf = append(p.buf[:0], kind) }

func (p *printer) end(owner string) uint64 {
	print := maphash.Bytes(printSeed, p.buf)
	p.of[owner] = p.with(p.of[owner], "", print)
	return print
}

// with is the fingerprint of what went before and of somebody's object after it.
func (p *printer) with(before uint64, owner string, print uint64) uint64 {
	p.begin(printOther)
	p.buf = binary.BigEndian.AppendUint64(p.buf, before)
	p.buf = binary.BigEndian.AppendUint64(p.buf, print)
	p.texts(owner)
	return maphash.Bytes(printSeed, p.buf)
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
	return p.end(tap.OwnerBridge)
}

func (p *printer) port(o *tap.Port) uint64 {
	p.begin(printPort)
	p.texts(o.Bridge, o.Name, o.Type, o.VLANMode)
	p.pairs(o.Options)
	p.number(uint64(o.OFPortRequest))
	p.numbers(o.Trunks)
	p.flag(o.Plugged)
	return p.end(o.Owner)
}

func (p *printer) mirror(m *tap.Mirror) uint64 {
	p.begin(printMirror)
	p.texts(m.Bridge, m.Name, m.Output)
	p.flag(m.SelectAll)
	p.list(m.SelectSrc)
	p.list(m.SelectDst)
	p.numbers(m.SelectVLAN)
	return p.end(m.Owner)
}

func (p *printer) flow(f *tap.FlowEntry) (_ uint64, err error) {
	p.begin(printFlow)
	if p.buf, err = openflow.AppendMessage(p.buf, 0, &f.Mod); err != nil {
		return 0, fmt.Errorf("flow of %s: %w", f.Owner, err)
	}
	return p.end(f.Owner), nil
}
