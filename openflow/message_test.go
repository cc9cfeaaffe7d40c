package openflow_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

func encode(t testing.TB, xid uint32, m openflow.Message) []byte {
	t.Helper()
	b, err := openflow.AppendMessage(nil, xid, m)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func TestRoundTrip(t *testing.T) {
	for name, m := range messages() {
		t.Run(name, func(t *testing.T) {
			const xid = 0x01020304
			b := encode(t, xid, m)
			if n := openflow.PeekLength(b); n != len(b) {
				t.Errorf("header claims %d bytes, message has %d", n, len(b))
			}

			got, gotXID, err := openflow.Parse(b)
			if err != nil {
				t.Fatalf("Parse(%x): %v", b, err)
			}

			if gotXID != xid || got.Type() != m.Type() {
				t.Errorf("xid %#x type %v, want %#x %v", gotXID, got.Type(), xid, m.Type())
			}

			if !reflect.DeepEqual(got, m) {
				t.Errorf("Parse:\n got  %+v\n want %+v", got, m)
			}

			if again := encode(t, xid, got); !bytes.Equal(again, b) {
				t.Errorf("encoded again:\n got  %x\n want %x", again, b)
			}
		})
	}
}

// TestTruncated cuts every message everywhere, with a header that claims the
// shorter length: Parse must refuse it or return a message, and never panic.
func TestTruncated(t *testing.T) {
	for name, m := range messages() {
		t.Run(name, func(t *testing.T) {
			whole := encode(t, 1, m)
			for n := range whole {
				b := bytes.Clone(whole[:n])
				if n >= openflow.HeaderLen {
					b[2], b[3] = byte(n>>8), byte(n)
				}

				got, _, err := openflow.Parse(b)
				checkParse(t, b, got, err)
			}
		})
	}
}

// checkParse checks what Parse promises of every input: a message if and only
// if there is no error, a ParseError that points into the message, and a
// message that survives encoding and parsing.
func checkParse(t testing.TB, b []byte, m openflow.Message, err error) {
	t.Helper()

	if (m == nil) != (err != nil) {
		t.Fatalf("Parse(%x): message %v, error %v", b, m, err)
	}

	if err != nil {
		var parse *wire.ParseError
		if !errors.As(err, &parse) {
			t.Fatalf("Parse(%x): %v is no ParseError", b, err)
		}

		if parse.Offset < 0 || parse.Offset > len(b) || parse.Field == "" || parse.Message == "" {
			t.Fatalf("Parse(%x): error points to nowhere: %#v", b, parse)
		}

		return
	}

	again, err := openflow.AppendMessage(nil, 1, m)
	if err != nil {
		t.Fatalf("Parse(%x) gives %+v, which cannot be encoded: %v", b, m, err)
	}

	n, _, err := openflow.Parse(again)
	if err != nil || !reflect.DeepEqual(m, n) {
		t.Fatalf("Parse(%x):\n first  %+v\n second %+v (%v)", b, m, n, err)
	}
}

func TestParseErrors(t *testing.T) {
	mutate := func(m openflow.Message, change func(b []byte) []byte) []byte {
		b := change(encode(t, 1, m))
		if len(b) >= openflow.HeaderLen {
			b[2], b[3] = byte(len(b)>>8), byte(len(b))
		}
		return b
	}

	set := func(at int, bytes ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], bytes); return b }
	}
	flowMod := &openflow.FlowMod{Match: oxm.Match{oxm.InPort(1)},
		Instructions: []action.Instruction{action.ApplyActions{action.Output{Port: 1}}}}
	deep := action.Action(action.Clone{})
	for range 20 {
		deep = action.Clone{Actions: []action.Action{deep}}
	}

	tests := map[string]struct {
		bytes []byte
		field string
		err   error
	}{
		"empty":         {nil, "version", wire.ErrTruncated},
		"half a header": {[]byte{4, 0, 0}, "length", wire.ErrTruncated},
		"wrong length":  {[]byte{4, 2, 0, 9, 0, 0, 0, 0}, "length", wire.ErrLength},
		"version":       {[]byte{1, 2, 0, 8, 0, 0, 0, 0}, "version", wire.ErrVersion},
		"trailing bytes": {mutate(&openflow.BarrierRequest{},
			func(b []byte) []byte { return append(b, 0) }), "body", wire.ErrLength},
		"command":          {mutate(flowMod, set(25, 9)), "command", wire.ErrValue},
		"match type":       {mutate(flowMod, set(48, 0, 0)), "match.type", wire.ErrValue},
		"match short":      {mutate(flowMod, set(50, 0, 3)), "match.length", wire.ErrLength},
		"match long":       {mutate(flowMod, set(50, 0xff, 0xff)), "match.length", wire.ErrLength},
		"oxm short":        {mutate(flowMod, set(55, 2)), "oxm_length", wire.ErrLength},
		"oxm long":         {mutate(flowMod, set(55, 200)), "oxm_length", wire.ErrTruncated},
		"instruction zero": {mutate(flowMod, set(66, 0, 0)), "instruction.length", wire.ErrLength},
		"instruction odd":  {mutate(flowMod, set(66, 0, 23)), "instruction.length", wire.ErrLength},
		"action zero":      {mutate(flowMod, set(74, 0, 0)), "action.length", wire.ErrLength},
		"action long":      {mutate(flowMod, set(74, 0, 64)), "action.length", wire.ErrLength},
		"actions too deep": {mutate(&openflow.PacketOut{Actions: []action.Action{deep}}, set(0)),
			"action", wire.ErrValue},
		"delete to port 0": {mutate(&openflow.FlowMod{Command: openflow.FlowDelete},
			set(36, 0, 0, 0, 0)), "out_port", wire.ErrValue},
		"role": {mutate(&openflow.RoleRequest{}, set(8, 0, 0, 0, 4)), "role",
			wire.ErrValue},
		"bundle xid": {mutate(&openflow.BundleAdd{Message: flowMod}, set(24+4, 9)), "message.xid",
			wire.ErrValue},
		"bundle version": {mutate(&openflow.BundleAdd{Message: flowMod}, set(24, 1)),
			"message.version",
			wire.ErrVersion},
		"bundle length": {mutate(&openflow.BundleAdd{Message: flowMod}, set(26, 0, 4)),
			"message.length",
			wire.ErrLength},
		"flow stats entry": {mutate(&openflow.MultipartReply{Body: openflow.FlowStatsReply{{}}},
			set(16, 0, 0)),
			"flow_stats.length", wire.ErrLength},
		"monitor event": {mutate(&openflow.MultipartReply{Body: openflow.FlowMonitorReply{{}}},
			set(26, 0, 9)), "event",
			wire.ErrValue},
		"monitor match": {mutate(&openflow.MultipartReply{Body: openflow.FlowMonitorReply{{}}},
			set(36, 0, 9)), "match_len",
			wire.ErrLength},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, _, err := openflow.Parse(tt.bytes)
			var parse *wire.ParseError
			if m != nil || !errors.As(err, &parse) || parse.Field != tt.field ||
				!errors.Is(err, tt.err) {
				t.Errorf("Parse(%x): %v, %v; want an error of field %s: %v", tt.bytes, m, err,
					tt.field, tt.err)
			}
		})
	}
}

func TestAppendErrors(t *testing.T) {
	apply := func(a action.Action) openflow.Message {
		return &openflow.FlowMod{Instructions: []action.Instruction{action.ApplyActions{a}}}
	}
	match := func(f oxm.Field) openflow.Message { return &openflow.FlowMod{Match: oxm.Match{f}} }
	reg := oxm.Subfield{Field: oxm.FieldReg0, Bits: 8}
	fourBits := oxm.Subfield{Field: oxm.FieldReg0, Bits: 4}
	tests := map[string]openflow.Message{
		"too long":          &openflow.EchoRequest{Data: make([]byte, openflow.MaxMessageLen)},
		"empty field":       match(oxm.Field{}),
		"no such register":  match(oxm.Reg(16, 1)),
		"negative register": match(oxm.Reg(-1, 1)),
		"no such xxreg":     match(oxm.XXReg(4, oxm.Uint128{})),
		"value too wide":    match(oxm.NewField(oxm.FieldIPProto, oxm.Uint128{Lo: 256})),
		"no such field":     match(oxm.NewField(255, oxm.Uint128{})),
		"nil action":        apply(nil),
		"nil instruction":   &openflow.FlowMod{Instructions: []action.Instruction{nil}},
		"raw action":        apply(action.RawAction{Type: 99, Data: "abc"}),
		"load too wide":     apply(action.RegLoad{Dst: reg, Value: 256}),
		"load of nothing":   apply(action.RegLoad{Dst: oxm.Subfield{Field: oxm.FieldReg0}}),
		"load outside": apply(action.RegLoad{Dst: oxm.Subfield{Field: oxm.FieldReg0,
			Offset: 30, Bits: 8}}),
		"load experimenter":  apply(action.RegLoad{Dst: oxm.WholeField(oxm.FieldNSHSPI)}),
		"move":               apply(action.RegMove{Src: reg, Dst: oxm.WholeField(oxm.FieldReg0)}),
		"output from reg":    apply(action.OutputReg{}),
		"port of 16 bits":    apply(action.Resubmit{InPort: 0x10000}),
		"truncate to port":   apply(action.OutputTrunc{Port: 0xff01}),
		"conjunction":        apply(action.Conjunction{Clause: 3, Clauses: 2}),
		"multipath links":    apply(action.Multipath{Links: 17, Dst: fourBits}),
		"multipath no link":  apply(action.Multipath{Dst: fourBits}),
		"multipath fields":   apply(action.Multipath{Fields: 7, Links: 1, Dst: fourBits}),
		"multipath no field": apply(action.Multipath{Links: 1}),
		"inside clone":       apply(action.Clone{Actions: []action.Action{nil}}),
		"port name":          &openflow.PortStatus{Port: openflow.Port{Name: "seventeen bytes!!"}},
		"negative duration":  &openflow.FlowRemoved{Duration: -2},
		"duration too long":  &openflow.FlowRemoved{Duration: time.Duration(math.MaxInt64)},
		"request of nothing": &openflow.MultipartRequest{},
		"reply of nothing":   &openflow.MultipartReply{},
		"bundle of nothing":  &openflow.BundleAdd{},
		"bundle of bundle": &openflow.BundleAdd{
			Message: &openflow.BundleAdd{Message: &openflow.BarrierRequest{}}},
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := openflow.AppendMessage([]byte("before"), 1, m)
			if err == nil || string(b) != "before" {
				t.Errorf("AppendMessage: %q, %v; want the slice as it was and an error", b, err)
			}
		})
	}
}

func TestFlowModZeroValue(t *testing.T) {
	b := encode(t, 1, &openflow.FlowMod{})
	want := bytes.Repeat([]byte{0xff}, 12) // buffer_id, out_port, out_group
	if got := b[32:44]; !bytes.Equal(got, want) {
		t.Errorf("buffer, port and group of the zero value are %x, want %x", got, want)
	}
}

func TestErrorString(t *testing.T) {
	tests := map[string]openflow.Error{
		"OFPET_FLOW_MOD_FAILED OFPFMFC_TABLE_FULL": {ErrType: openflow.ErrorFlowModFailed, Code: 1},
		"OFPET_FLOW_MOD_FAILED code 99": {ErrType: openflow.ErrorFlowModFailed,
			Code: 99},
		"error type 99 code 1": {ErrType: 99, Code: 1},
		"experimenter 0x7 error 1": {ErrType: openflow.ErrorExperimenter,
			Experimenter: 7, Code: 1},
		"ONF_ET_BUNDLE_FAILED OFPBFC_MSG_FAILED": {ErrType: openflow.ErrorExperimenter,
			Experimenter: 0x4f4e4600,
			Code:         openflow.BundleErrMsgFailed},
	}
	for want, e := range tests {
		if got := e.String(); got != want {
			t.Errorf("String: %q, want %q", got, want)
		}
	}
}
