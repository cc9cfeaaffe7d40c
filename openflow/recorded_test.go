package openflow_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/internal/generate"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

var update = flag.Bool("update", false, "record testdata from a real switch")

const (
	recording = "testdata/ovs-3.1.0.bin" // What a switch sent, as it came.
	golden    = "testdata/ovs-3.1.0.txt" // What it says.
)

// readMessage reads one message, or returns io.EOF.
func readMessage(r io.Reader) ([]byte, error) {
	b := make([]byte, openflow.HeaderLen)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}

	b = append(b, make([]byte, openflow.PeekLength(b)-openflow.HeaderLen)...)
	_, err := io.ReadFull(r, b[openflow.HeaderLen:])
	return b, err
}

// TestRecorded decodes what a real switch sent, compares it with the golden
// text, and encodes it again to the same bytes. With -update it records both.
func TestRecorded(t *testing.T) {
	if *update {
		if err := os.WriteFile(recording, record(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	stream, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}

	var text strings.Builder
	types := map[openflow.Type]int{}
	for r := bytes.NewReader(stream); ; {
		b, err := readMessage(r)
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			t.Fatal(err)
		}

		m, xid, err := openflow.Parse(b)
		if err != nil {
			t.Errorf("Parse(%x): %v", b, err)
			continue
		}

		types[m.Type()]++
		fmt.Fprintf(&text, "%#x %v %s\n", xid, m.Type(), describe(m))

		if again := encode(t, xid, m); !bytes.Equal(again, b) {
			t.Errorf("encoded again:\n got  %x\n want %x", again, b)
		}
	}

	for _, typ := range []openflow.Type{
		openflow.TypeHello, openflow.TypeFeaturesReply, openflow.TypeError,
		openflow.TypeMultipartReply,
		openflow.TypeExperimenter, openflow.TypePortStatus, openflow.TypeFlowRemoved,
		openflow.TypePacketIn,
	} {
		if types[typ] == 0 {
			t.Errorf("the recording has no %v", typ)
		}
	}

	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}

	got := strings.Split(text.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("message %d differs from %s (run with -update and review):\n"+
				" got  %v\n want %v",
				i, golden, got[min(i, len(got)-1)], line)
		}
	}
}

// describe writes a message without pointers. Raw data is too long to read.
func describe(m openflow.Message) string {
	switch m := m.(type) {
	case *openflow.MultipartReply:
		if raw, ok := m.Body.(openflow.RawReply); ok {
			return fmt.Sprintf("flags=%d raw type=%d %d bytes", m.Flags, raw.Multipart,
				len(raw.Data))
		}
		return fmt.Sprintf("flags=%d %T%+v", m.Flags, m.Body, m.Body)
	case *openflow.Error:
		return m.String() + fmt.Sprintf(" %x", m.Data)
	}

	return strings.TrimPrefix(fmt.Sprintf("%+v", m), "&")
}

// record speaks with a real switch and returns all that it sends.
func record(t *testing.T) []byte {
	s := ovs.StartBridge(t)
	s.Vsctl("add-port", "br0", "p1", "--", "set", "interface", "p1", "type=dummy",
		"ofport_request=1",
		"--", "add-port", "br0", "p2", "--", "set", "interface", "p2", "type=dummy",
		"ofport_request=2")

	nc, err := net.Dial("unix", strings.TrimPrefix(s.Management(), "unix:"))
	if err != nil {
		t.Fatal(err)
	}

	defer nc.Close()

	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}

	var stream []byte
	xid := uint32(0)
	send := func(m openflow.Message) {
		t.Helper()
		xid++
		if _, err := nc.Write(encode(t, xid, m)); err != nil {
			t.Fatal(err)
		}
	}

	until := func(stop func(openflow.Message) bool) {
		t.Helper()

		for {
			b, err := readMessage(nc)
			if err != nil {
				t.Fatal(err)
			}

			stream = append(stream, b...)
			if m, _, err := openflow.Parse(b); err != nil || stop(m) {
				return
			}
		}
	}
	barrier := func() {
		t.Helper()
		send(&openflow.BarrierRequest{})
		until(func(m openflow.Message) bool { return m.Type() == openflow.TypeBarrierReply })
	}

	send(&openflow.Hello{Versions: []uint8{openflow.Version}})
	send(&openflow.FeaturesRequest{})
	send(&openflow.SetConfig{SwitchConfig: openflow.SwitchConfig{MissSendLen: 128}})
	send(&openflow.GetConfigRequest{})
	send(&openflow.EchoRequest{Data: []byte("recorded")})
	send(&openflow.RoleRequest{Role: openflow.RoleEqual})
	send(&openflow.GetAsyncRequest{})
	src := generate.New(7)
	for range 50 {
		send(src.FlowMod())
	}

	changes := openflow.MonitorAdd | openflow.MonitorDelete | openflow.MonitorModify |
		openflow.MonitorActions
	send(&openflow.MultipartRequest{Body: openflow.FlowMonitorRequest{ID: 1,
		Table: openflow.TableAll,
		Flags: changes | openflow.MonitorInitial | openflow.MonitorOwn}})

	for range 50 {
		send(src.FlowMod())
	}

	send(&openflow.MultipartRequest{Body: openflow.FlowMonitorRequest{ID: 2, Table: 4,
		Flags: changes}})
	toController := action.ApplyActions{action.Output{Port: openflow.PortController,
		MaxLen: action.MaxLenWhole}}
	first := &openflow.FlowMod{Priority: 0xffff, Cookie: 0xc0ffee, Flags: openflow.FlowSendRemoved,
		Match: oxm.Match{oxm.InPort(1)}, Instructions: []action.Instruction{toController}}
	send(first)
	send(&openflow.MeterMod{Flags: openflow.MeterKbps | openflow.MeterBurst, ID: 1,
		Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: 1000, BurstSize: 100}}})
	send(&openflow.GroupMod{Group: openflow.GroupTypeSelect, ID: 5, Buckets: []openflow.Bucket{
		{Weight: 10, Actions: []action.Action{action.Output{Port: 1}}},
		{Weight: 20,
			Actions: []action.Action{action.SetField{Field: oxm.TunnelID(3)},
				action.Output{Port: 2}}}}})

	send(&openflow.FlowMod{Table: 4, Instructions: []action.Instruction{action.Meter{ID: 1},
		action.ApplyActions{action.Group{ID: 5}}}})
	barrier()
	s.Receive("p1",
		"in_port(1),eth(src=50:54:00:00:00:05,dst=50:54:00:00:00:07),eth_type(0x0800),"+
			"ipv4(src=192.168.0.1,dst=192.168.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)")
	until(func(m openflow.Message) bool { return m.Type() == openflow.TypePacketIn })

	for _, body := range []openflow.MultipartRequestBody{
		openflow.DescRequest{}, openflow.FlowStatsRequest{Table: openflow.TableAll},
		openflow.AggregateRequest{Table: openflow.TableAll}, openflow.TableStatsRequest{},
		openflow.PortStatsRequest{},
		openflow.QueueStatsRequest{}, openflow.GroupStatsRequest{ID: openflow.GroupAll},
		openflow.GroupDescRequest{},
		openflow.GroupFeaturesRequest{}, openflow.MeterStatsRequest{ID: openflow.MeterAll},
		openflow.MeterConfigRequest{ID: openflow.MeterAll}, openflow.MeterFeaturesRequest{},
		openflow.PortDescRequest{},
		openflow.RawRequest{Multipart: 99},
	} {
		send(&openflow.MultipartRequest{Body: body})
	}

	del := *first
	del.Command = openflow.FlowDeleteStrict
	send(&del)
	send(&openflow.FlowMod{Table: 9,
		Instructions: []action.Instruction{action.GotoTable{Table: 1}}})

	for _, ctrl := range []openflow.BundleType{openflow.BundleOpen, openflow.BundleClose,
		openflow.BundleCommit, openflow.BundleDiscard} {
		send(&openflow.BundleControl{BundleID: 1, Ctrl: ctrl, Flags: openflow.BundleAtomic})
	}

	send(&openflow.GroupMod{Command: openflow.GroupDelete, ID: openflow.GroupAll})
	send(&openflow.FlowMonitorCancel{ID: 1})
	send(&openflow.FlowMod{Table: 4, Cookie: 3})
	barrier()
	s.Vsctl("del-port", "p2")
	until(func(m openflow.Message) bool { return m.Type() == openflow.TypePortStatus })
	return stream
}
