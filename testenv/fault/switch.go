package fault

import (
	"io"
	"net"
	"sync"

	"github.com/tapline-sdn/tapline/openflow"
)

// Switch speaks OpenFlow 1.3 as a switch without flows that accepts every bundle.
type Switch struct {
	DatapathID uint64
	Ports      openflow.PortDescReply
	Datapath   string // description
	// Answer may answer a message itself, and says whether it did.
	Answer func(s *OpenFlow, m openflow.Message, xid uint32) bool
	// Connected runs in a goroutine of its own once the features were sent. It returns when a write
	// fails.
	Connected func(s *OpenFlow)
}

// OpenFlow is the switch's end of a connection.
type OpenFlow struct{ Speaker }

// Send sends a message.
func (s *OpenFlow) Send(xid uint32, m openflow.Message) error {
	b, err := openflow.AppendMessage(nil, xid, m)
	if err == nil {
		_, err = s.Write(b)
	}
	return err
}

// Serve answers over a connection until it ends.
func (w *Switch) Serve(nc net.Conn) {
	s := &OpenFlow{Speaker{nc: nc}}
	var beside sync.WaitGroup
	defer beside.Wait()
	defer func() { _ = nc.Close() }() // Ends Connected, whose next write fails.
	header := make([]byte, openflow.HeaderLen)
	for {
		if _, err := io.ReadFull(nc, header); err != nil {
			return
		}

		b := append(make([]byte, 0, 1024), header...)
		b = append(b, make([]byte, openflow.PeekLength(header)-openflow.HeaderLen)...)
		if _, err := io.ReadFull(nc, b[openflow.HeaderLen:]); err != nil {
			return
		}

		m, xid, err := openflow.Parse(b)
		if err != nil {
			return
		}

		if w.Answer != nil && w.Answer(s, m, xid) {
			continue
		}
		if reply := w.reply(m); reply != nil && s.Send(xid, reply) != nil {
			return
		}
		if _, is := m.(*openflow.FeaturesRequest); is && w.Connected != nil {
			beside.Go(func() { w.Connected(s) })
		}
	}
}

// reply is the answer of a switch to a message; nil if it has none.
func (w *Switch) reply(m openflow.Message) openflow.Message {
	switch m := m.(type) {
	case *openflow.Hello:
		return &openflow.Hello{Versions: []uint8{openflow.Version}}
	case *openflow.FeaturesRequest:
		return &openflow.FeaturesReply{DatapathID: w.DatapathID}
	case *openflow.EchoRequest:
		return &openflow.EchoReply{Data: m.Data}
	case *openflow.GetConfigRequest:
		return &openflow.GetConfigReply{}
	case *openflow.GetAsyncRequest:
		return &openflow.GetAsyncReply{AsyncConfig: openflow.AsyncConfig{
			Master: openflow.AsyncMasks{PacketIn: 3, PortStatus: 7},
		}}
	case *openflow.RoleRequest:
		return &openflow.RoleReply{Role: m.Role, GenerationID: m.GenerationID}
	case *openflow.BarrierRequest:
		return &openflow.BarrierReply{}
	case *openflow.BundleControl:
		reply := *m
		reply.Ctrl++ // Each request is followed by its reply in enum onf_bundle_ctrl_type.
		return &reply
	case *openflow.MultipartRequest:
		if body := w.part(m.Body); body != nil {
			return &openflow.MultipartReply{Body: body}
		}
	}
	return nil
}

// part is the answer of a switch to a multipart request; nil if it has none.
func (w *Switch) part(request openflow.MultipartRequestBody) openflow.MultipartReplyBody {
	switch request.(type) {
	case openflow.PortDescRequest:
		return w.Ports
	case openflow.DescRequest:
		return openflow.Desc{Datapath: w.Datapath}
	case openflow.FlowMonitorRequest:
		return openflow.FlowMonitorReply{}
	case openflow.FlowStatsRequest:
		return openflow.FlowStatsReply{}
	case openflow.GroupDescRequest:
		return openflow.GroupDescReply{}
	case openflow.MeterConfigRequest:
		return openflow.MeterConfigReply{}
	}
	return nil
}
