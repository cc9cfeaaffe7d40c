// Package linktest plays a switch at the other end of an OpenFlow connection.
package linktest

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// Nonce is how a [Switch] describes its datapath.
const Nonce = "tapline 00112233445566778899aabbccddeeff"

// Ports are the ports of a [Switch].
var Ports = openflow.PortDescReply{{No: openflow.PortLocal, HWAddr: openflow.MAC{2, 1}},
	{No: 7, HWAddr: openflow.MAC{2, 2}}}

// Switch returns the controller's end of a connection to a switch that has no flows, and the
// packets that the switch is told to send.
func Switch(t *testing.T) (*ofconn.Conn, <-chan *openflow.PacketOut) {
	t.Helper()
	mine, theirs := net.Pipe()
	packets := make(chan *openflow.PacketOut, 256)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(packets)
		play(theirs, packets)
	}()

	conn, err := ofconn.Handshake(t.Context(), mine, ofconn.Options{EchoInterval: -1})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close() // It returns nil.
		_ = theirs.Close()
		<-done
	})

	return conn, packets
}

// play answers as a switch does, until the connection ends.
func play(nc net.Conn, packets chan<- *openflow.PacketOut) {
	send := func(xid uint32, m openflow.Message) bool {
		b, err := openflow.AppendMessage(nil, xid, m)
		if err == nil {
			_, err = nc.Write(b)
		}
		return err == nil
	}

	header := make([]byte, openflow.HeaderLen)
	for {
		if !readFull(nc, header) {
			return
		}

		message := make([]byte, int(header[2])<<8|int(header[3]))
		copy(message, header)
		if !readFull(nc, message[openflow.HeaderLen:]) {
			return
		}

		m, xid, err := openflow.Parse(message)
		if err != nil {
			return
		}

		ok := true
		switch m := m.(type) {
		case *openflow.Hello:
			ok = send(xid, &openflow.Hello{Versions: []uint8{openflow.Version}})
		case *openflow.FeaturesRequest:
			ok = send(xid, &openflow.FeaturesReply{DatapathID: 1})
		case *openflow.MultipartRequest:
			var body openflow.MultipartReplyBody = openflow.FlowMonitorReply{}
			switch m.Body.(type) {
			case openflow.PortDescRequest:
				body = Ports
			case openflow.DescRequest:
				body = openflow.Desc{Datapath: Nonce}
			case openflow.GroupDescRequest:
				body = openflow.GroupDescReply{}
			case openflow.MeterConfigRequest:
				body = openflow.MeterConfigReply{}
			}
			ok = send(xid, &openflow.MultipartReply{Body: body})
		case *openflow.GetAsyncRequest:
			ok = send(xid, &openflow.GetAsyncReply{AsyncConfig: openflow.AsyncConfig{
				Master: openflow.AsyncMasks{PacketIn: 3}}})
		case *openflow.RoleRequest:
			ok = send(xid, &openflow.RoleReply{Role: m.Role, GenerationID: m.GenerationID})
		case *openflow.GetConfigRequest:
			ok = send(xid, &openflow.GetConfigReply{})
		case *openflow.PacketOut:
			packets <- m
		}

		if !ok {
			return
		}
	}
}

func readFull(nc net.Conn, b []byte) bool {
	for len(b) > 0 {
		n, err := nc.Read(b)
		if err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}
