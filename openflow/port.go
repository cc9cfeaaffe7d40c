package openflow

import "github.com/tapline-sdn/tapline/openflow/wire"

// Port describes a port (7.2.1).
type Port struct {
	No         PortNo
	HWAddr     MAC
	Name       string // Up to 16 bytes.
	Config     PortConfig
	State      PortState
	Curr       uint32 // Features: bits of enum ofp_port_features.
	Advertised uint32
	Supported  uint32
	Peer       uint32
	CurrSpeed  uint32 // kbit/s
	MaxSpeed   uint32 // kbit/s
}

// PortConfig is what the administrator wants of a port.
type PortConfig uint32

// Configuration bits.
const (
	PortDown       PortConfig = 1 << 0
	PortNoRecv     PortConfig = 1 << 2
	PortNoFwd      PortConfig = 1 << 5
	PortNoPacketIn PortConfig = 1 << 6
)

// PortState is what the switch observes of a port.
type PortState uint32

// State bits.
const (
	PortLinkDown PortState = 1 << 0
	PortBlocked  PortState = 1 << 1
	PortLive     PortState = 1 << 2
)

const (
	portLen     = 64
	portNameLen = 16
)

func appendPort(b []byte, p *Port) ([]byte, error) {
	b = wire.AppendZeros(be.AppendUint32(b, uint32(p.No)), 4)
	b = append(append(b, p.HWAddr[:]...), 0, 0)
	b, err := wire.AppendText(b, p.Name, portNameLen, "port.name")
	if err != nil {
		return b, err
	}

	for _, v := range [...]uint32{
		uint32(p.Config), uint32(p.State), p.Curr, p.Advertised,
		p.Supported, p.Peer, p.CurrSpeed, p.MaxSpeed,
	} {
		b = be.AppendUint32(b, v)
	}

	return b, nil
}

func parsePort(c *wire.Cursor) Port {
	p := Port{No: PortNo(c.Uint32("port_no"))}
	c.Skip(4)
	copy(p.HWAddr[:], c.Take(6, "hw_addr"))
	c.Skip(2)
	p.Name = c.Text(portNameLen, "name")
	p.Config = PortConfig(c.Uint32("config"))
	p.State = PortState(c.Uint32("state"))
	for _, v := range [...]*uint32{&p.Curr, &p.Advertised, &p.Supported, &p.Peer, &p.CurrSpeed,
		&p.MaxSpeed} {
		*v = c.Uint32("features")
	}

	return p
}

// PortReason says what happened to a port (7.4.3).
type PortReason uint8

// Reasons.
const (
	PortAdded    PortReason = 0
	PortDeleted  PortReason = 1
	PortModified PortReason = 2
)

// PortStatus reports that a port came, went or changed (7.4.3).
type PortStatus struct {
	Reason PortReason
	Port   Port
}

// Type implements [Message].
func (*PortStatus) Type() Type { return TypePortStatus }

func (m *PortStatus) appendBody(b []byte, _ uint32) ([]byte, error) {
	return appendPort(wire.AppendZeros(append(b, byte(m.Reason)), 7), &m.Port)
}

func parsePortStatus(c *wire.Cursor) Message {
	m := &PortStatus{Reason: PortReason(c.Uint8("reason"))}
	c.Skip(7)
	m.Port = parsePort(c)
	c.Done("body")
	return m
}

// PortMod changes a port (7.3.4.3).
type PortMod struct {
	Port      PortNo
	HWAddr    MAC // Must be the port's address.
	Config    PortConfig
	Mask      PortConfig // The bits of Config to change.
	Advertise uint32     // Features; 0 changes nothing.
}

// Type implements [Message].
func (*PortMod) Type() Type { return TypePortMod }

func (m *PortMod) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = wire.AppendZeros(be.AppendUint32(b, uint32(m.Port)), 4)
	b = append(append(b, m.HWAddr[:]...), 0, 0)
	b = be.AppendUint32(b, uint32(m.Config))
	b = be.AppendUint32(b, uint32(m.Mask))
	b = be.AppendUint32(b, m.Advertise)
	return wire.AppendZeros(b, 4), nil
}

func parsePortMod(c *wire.Cursor) Message {
	m := &PortMod{Port: PortNo(c.Uint32("port_no"))}
	c.Skip(4)
	copy(m.HWAddr[:], c.Take(6, "hw_addr"))
	c.Skip(2)
	m.Config = PortConfig(c.Uint32("config"))
	m.Mask = PortConfig(c.Uint32("mask"))
	m.Advertise = c.Uint32("advertise")
	c.Skip(4)
	c.Done("body")
	return m
}

// TableMod configures a table (7.3.3). OpenFlow 1.3 defines no bits.
type TableMod struct {
	Table  TableID
	Config uint32
}

// Type implements [Message].
func (*TableMod) Type() Type { return TypeTableMod }

func (m *TableMod) appendBody(b []byte, _ uint32) ([]byte, error) {
	return be.AppendUint32(append(b, byte(m.Table), 0, 0, 0), m.Config), nil
}

func parseTableMod(c *wire.Cursor) Message {
	m := &TableMod{Table: TableID(c.Uint8("table_id"))}
	c.Skip(3)
	m.Config = c.Uint32("config")
	c.Done("body")
	return m
}
