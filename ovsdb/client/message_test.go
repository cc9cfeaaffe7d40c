package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func TestRefusal(t *testing.T) {
	for text, want := range map[string]RPCError{
		`"canceled"`: {Method: "m", Err: "canceled"},
		`{"error":"unknown database","details":"no x","syntax":"y"}`: {Method: "m",
			Err: "unknown database", Details: "no x"},
		`{"error":5}`: {Method: "m", Err: `{"error":5}`},
		`[1]`:         {Method: "m", Err: `[1]`},
		`""`:          {Method: "m", Err: `""`},
	} {
		if got := refusal("m", []byte(text)); *got != want {
			t.Errorf("%s is %+v, want %+v", text, *got, want)
		}
	}
}

// FuzzMessage: a message is empty if and only if there is an error, which is a
// ProtocolError; its members are as encoding/json finds them.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"result":{},"error":null}`, `{"id":"echo","result":[],"error":null}`,
		`{"id":null,"method":"update3","params":[1,"x",{"T":{}}]}`,
		`{"method":"echo","params":[],"id":[1,{"a":"b"}]}`,
		`{"id":1,"result":null,"error":{"error":"unknown database"}}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMessage(text)
		if err != nil {
			if breach := (*ProtocolError)(nil); !errors.As(err, &breach) || m.method != "" ||
				m.id != nil {
				t.Fatalf("%q is %+v, %v", text, m, err)
			}
			return
		}

		if m.err != nil {
			_ = refusal("m", m.err).Error()
		}

		if params, err := splitParams(m.params, 2); (params == nil) != (err != nil) || err == nil &&
			len(params) != 2 {
			t.Fatalf("params of %q are %q, %v", text, params, err)
		}

		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil {
			return // not yet checked JSON within a member
		}

		for name, got := range map[string][]byte{"params": m.params, "result": m.result,
			"error": m.err, "id": m.id} {
			if w := want[name]; string(w) != "null" && !bytes.Equal(bytes.TrimSpace(w), got) {
				t.Fatalf("%s of %q is %q, want %q", name, text, got, w)
			}
		}
	})
}
