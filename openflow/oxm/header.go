package oxm

import "github.com/tapline-sdn/tapline/openflow/wire"

// oxmID identifies a field on the wire (7.2.3.2, and 7.2.3.10 for the
// experimenter's id, which is 0 unless the class is 0xffff).
type oxmID struct {
	class        uint16
	field        uint8
	experimenter uint32
}

// OXM classes (enum ofp_oxm_class, and nicira-ext.h for NXM).
const (
	classNXM0         = 0x0000
	classNXM1         = 0x0001
	classEricsson     = 0x1000
	classOpenFlow     = 0x8000
	classPacketReg    = 0x8001
	classExperimenter = 0xffff

	experimenterNSH = 0x005ad650
)

func oxm(field uint8) oxmID  { return oxmID{class: classOpenFlow, field: field} }
func pkt(field uint8) oxmID  { return oxmID{class: classPacketReg, field: field} }
func nxm0(field uint8) oxmID { return oxmID{class: classNXM0, field: field} }
func nxm1(field uint8) oxmID { return oxmID{class: classNXM1, field: field} }
func eric(field uint8) oxmID { return oxmID{class: classEricsson, field: field} }
func onf(field uint8) oxmID  { return oxmID{classExperimenter, field, wire.ExperimenterONF} }
func nxet(field uint8) oxmID { return oxmID{classExperimenter, field, wire.ExperimenterNicira} }
func nsh(field uint8) oxmID  { return oxmID{classExperimenter, field, experimenterNSH} }

// headers lists the headers of a field; the first is written.
func headers(ids ...oxmID) []oxmID { return ids }

// oxmIndex maps headers to fields. It is made once and never changed.
type oxmIndex struct {
	byClass [4][1 << 7]FieldID // By compactClass and field.
	others  map[oxmID]FieldID
}

// compactClass numbers the classes in common use, 0x0000, 0x0001, 0x8000 and
// 0x8001.
func compactClass(class uint16) int { return int(class>>14&2 | class&1) }

// common reports whether compactClass has a number for a class.
func common(class uint16) bool {
	return class&^(classOpenFlow|1) == 0
}

var fieldByOXM = func() *oxmIndex {
	x := &oxmIndex{others: map[oxmID]FieldID{}}
	for id, info := range fieldTable {
		for _, w := range info.wire {
			if common(w.class) {
				x.byClass[compactClass(w.class)][w.field] = FieldID(id)
			} else {
				x.others[w] = FieldID(id)
			}
		}
	}

	return x
}()

// find returns FieldUnknown for a header that no field has.
func (x *oxmIndex) find(w oxmID) FieldID {
	if common(w.class) {
		return x.byClass[compactClass(w.class)][w.field]
	}
	return x.others[w]
}

// FieldInfo describes a field of ovs-fields(7).
type FieldInfo struct {
	Name     string // Name that ovs-ofctl reads.
	Bytes    int    // Width on the wire.
	Bits     int    // Significant bits, from the least significant on.
	format   fieldFormat
	Maskable bool
	need     prerequisite
	wire     []oxmID
}

// Info describes the field. FieldUnknown has no name and no width.
func (id FieldID) Info() FieldInfo {
	if id >= numFields {
		return FieldInfo{}
	}
	return fieldTable[id]
}

// String returns the name of ovs-fields(7).
func (id FieldID) String() string {
	if id == FieldUnknown || id >= numFields {
		return "unknown"
	}
	return fieldTable[id].Name
}

// fieldFormat says how ovs-ofctl writes a value.
type fieldFormat uint8

const (
	formatHex fieldFormat = iota
	formatDecimal
	formatPort
	formatMAC
	formatIPv4
	formatIPv6
	formatVLAN
	formatFrag
	formatTunFlags
	formatCTState
)

// prerequisite is what a match must say before a field makes sense
// (7.2.3.8 and ovs-fields(7)).
type prerequisite uint8

const (
	needNone prerequisite = iota
	needVLAN
	needMPLS
	needPBB
	needIP
	needIPv4
	needIPv6
	needCT
	needARP
	needTCP
	needUDP
	needSCTP
	needICMPv4
	needICMPv6
	needND
	needNDSolicit
	needNDAdvert
	needNSH
)

// A demand is one field that must have one of some values.
type demand struct {
	field  FieldID
	values []uint64
}

var (
	demandIP   = demand{FieldEthType, []uint64{0x0800, 0x86dd}}
	demandIPv6 = demand{FieldEthType, []uint64{0x86dd}}
)

var prerequisites = [...][]demand{
	needNone:   nil,
	needVLAN:   {{FieldVLANVID, nil}},
	needMPLS:   {{FieldEthType, []uint64{0x8847, 0x8848}}},
	needPBB:    {{FieldEthType, []uint64{0x88e7}}},
	needIP:     {demandIP},
	needIPv4:   {{FieldEthType, []uint64{0x0800}}},
	needIPv6:   {demandIPv6},
	needCT:     {{FieldCTState, nil}, demandIP},
	needARP:    {{FieldEthType, []uint64{0x0806, 0x8035}}},
	needTCP:    {demandIP, {FieldIPProto, []uint64{6}}},
	needUDP:    {demandIP, {FieldIPProto, []uint64{17}}},
	needSCTP:   {demandIP, {FieldIPProto, []uint64{132}}},
	needICMPv4: {{FieldEthType, []uint64{0x0800}}, {FieldIPProto, []uint64{1}}},
	needICMPv6: {demandIPv6, {FieldIPProto, []uint64{58}}},
	needND: {demandIPv6, {FieldIPProto, []uint64{58}},
		{FieldICMPv6Type, []uint64{135, 136}}},
	needNDSolicit: {demandIPv6, {FieldIPProto, []uint64{58}}, {FieldICMPv6Type, []uint64{135}}},
	needNDAdvert:  {demandIPv6, {FieldIPProto, []uint64{58}}, {FieldICMPv6Type, []uint64{136}}},
	needNSH:       {{FieldEthType, []uint64{0x894f}}},
}
