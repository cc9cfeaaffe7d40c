package openflow

import "github.com/tapline-sdn/tapline/openflow/wire"

// AsyncMasks choose the asynchronous messages of one role by reason: bit n of
// a mask lets the message with reason n through (7.3.10).
type AsyncMasks struct {
	PacketIn    uint32
	PortStatus  uint32
	FlowRemoved uint32
}

// AsyncConfig is the choice while master or equal, and while slave.
type AsyncConfig struct {
	Master, Slave AsyncMasks
}

func (m *AsyncConfig) appendBody(b []byte, _ uint32) ([]byte, error) {
	for _, v := range [...]uint32{
		m.Master.PacketIn, m.Slave.PacketIn,
		m.Master.PortStatus, m.Slave.PortStatus,
		m.Master.FlowRemoved, m.Slave.FlowRemoved,
	} {
		b = be.AppendUint32(b, v)
	}

	return b, nil
}

func parseAsyncConfig(c *wire.Cursor) AsyncConfig {
	var m AsyncConfig
	for _, p := range [...]*uint32{
		&m.Master.PacketIn, &m.Slave.PacketIn,
		&m.Master.PortStatus, &m.Slave.PortStatus,
		&m.Master.FlowRemoved, &m.Slave.FlowRemoved,
	} {
		*p = c.Uint32("mask")
	}

	c.Done("body")
	return m
}

// GetAsyncRequest asks for the asynchronous configuration (7.3.10).
type GetAsyncRequest struct{}

// Type implements [Message].
func (*GetAsyncRequest) Type() Type { return TypeGetAsyncRequest }

func (*GetAsyncRequest) appendBody(b []byte, _ uint32) ([]byte, error) { return b, nil }

// GetAsyncReply answers a GetAsyncRequest.
type GetAsyncReply struct{ AsyncConfig }

// Type implements [Message].
func (*GetAsyncReply) Type() Type { return TypeGetAsyncReply }

func parseGetAsyncReply(c *wire.Cursor) Message { return &GetAsyncReply{parseAsyncConfig(c)} }

// SetAsync sets the asynchronous configuration of this connection.
type SetAsync struct{ AsyncConfig }

// Type implements [Message].
func (*SetAsync) Type() Type { return TypeSetAsync }

func parseSetAsync(c *wire.Cursor) Message { return &SetAsync{parseAsyncConfig(c)} }
