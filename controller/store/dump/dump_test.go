package dump_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/dump"
)

func record(kind store.Kind, id string, revision uint64, value string) store.Record {
	return store.Record{Kind: kind, ID: id, Revision: revision, Value: json.RawMessage(value)}
}

// whole is a content without faults.
func whole() store.State {
	return store.State{
		ClusterID: "c1", Secret: bytes.Repeat([]byte{7}, store.SecretSize),
		Revision: 9, LastKey: 5,
		Records: []store.Record{
			record(store.KindHold, "f1", 4, `{"hosts":["h1"]}`),
			record(store.KindHost, "h1", 3, `{"id":"h1","name":"one"}`),
			record(store.KindPlace, "s1", 4, `{"host":"h1"}`),
			record(store.KindFlow, "f1", 9,
				`{"id":"f1","name":"web <&>","tap_id":"s1","type":"vnic"}`),
			record(store.KindService, "s1", 2, `{"id":"s1","name":"col","type":"guest","key":5}`),
			record(store.KindToken, "t1", 1, `{"id":"t1","name":"ci"}`),
		},
	}
}

func written(t *testing.T, state store.State) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, dump.Write(&out, state, time.Unix(1_800_000_000, 0)))
	return out.String()
}

func TestRoundTrip(t *testing.T) {
	for _, state := range []store.State{whole(), {ClusterID: "c", Secret: store.NewSecret()}} {
		got, err := dump.Read(strings.NewReader(written(t, state)))
		require.NoError(t, err)
		require.Equal(t, state, got)
	}
}

func TestReadRefuses(t *testing.T) {
	text := written(t, whole())
	lines := strings.SplitAfter(text, "\n")
	tests := []struct{ name, text, want string }{
		{"nothing", "", "it is not a file of tapline store export"},
		{"YAML", "hosts: []\n", "it is not a file of tapline store export"},
		{"other JSON", "{}\n", "it is not a file of tapline store export"},
		{"newer", strings.Replace(text, `"tapline_store":1`, `"tapline_store":2`, 1),
			"format 2, and this release knows format 1"},
		{"no secret", strings.Replace(text, `"secret":"`, `"secret":"AA`, 1), "line 1"},
		{"cut off", strings.Join(lines[:4], ""), "line 5: unexpected EOF"},
		{"cut in a line", text[:len(text)-9], "line 7: unexpected EOF"},
		{"too long", text + lines[2], "line 8: the header says that there are 6 records"},
		{"twice", strings.Replace(text, lines[2], lines[1], 1),
			`line 3: holds "f1" is there twice`},
		{"unknown kind", strings.Replace(text, `"tokens"`, `"tickets"`, 1),
			`line 7: kind "tickets" does not exist`},
		{"future revision", strings.Replace(text, `"revision":3`, `"revision":30`, 1),
			`line 3: hosts "h1" has revision 30, and the store is at 9`},
		{"unknown field", strings.Replace(text, `"kind":"hosts"`, `"kind":"hosts","x":1`, 1),
			`line 3: json: unknown field "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dump.Read(strings.NewReader(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := dump.Read(strings.NewReader(""))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestVerify(t *testing.T) {
	require.Empty(t, dump.Verify(whole()))

	state := whole()
	state.Records[1].Value = json.RawMessage(`{"id":"h2","name":1}`)
	state.Records[2] = record(store.KindPlace, "s2", 4, `{"host":"h7"}`)
	state.Records[3].Value = json.RawMessage(
		`{"id":"f1","name":"f","tap_id":"s9","type":"vswitch","host_id":"h8"}`)
	state.Records = append(state.Records,
		record(store.KindService, "s3", 1, `{"id":"s3","name":"col","type":"guest","key":5}`),
		record(store.KindService, "s4", 1,
			`{"id":"s4","name":"p","type":"pool","members":["s1","s8"]}`),
		record(store.KindService, "s5", 1, `{"id":"s5","name":"q","type":"guest","key":6}`),
	)
	require.Equal(t, []string{
		`hosts "h1" cannot be read: json: cannot unmarshal number into Go struct field ` +
			`Host.name of type string`,
		`places "s2" refers to hosts "h7", which is not there`,
		`places "s2" refers to tap_services "s2", which is not there`,
		`tap_flows "f1" refers to tap_services "s9", which is not there`,
		`tap_flows "f1" refers to hosts "h8", which is not there`,
		`tap_services "s3" has the key 5 of "s1"`,
		`tap_services "s3" has the name "col" of "s1"`,
		`tap_services "s4" refers to tap_services "s8", which is not there`,
		`tap_services "s5" has key 6, and keys from 1 to 5 were given out`,
	}, dump.Verify(state))
}

func TestCompare(t *testing.T) {
	older := whole()
	require.True(t, dump.Compare(older, whole()).IsZero())

	now := whole()
	now.Records = []store.Record{
		record(store.KindHost, "h1", 10, `{"id":"h1","name":"renamed"}`),
		record(store.KindHost, "h2", 11, `{"id":"h2","name":"two"}`),
		record(store.KindService, "s1", 12, `{"id":"s1","name":"col","deleting":true}`),
	}
	got := dump.Compare(now, older)
	require.Equal(t, dump.Difference{
		Revived:  []string{"tap flow web <&>", "tap service col", "token ci"},
		Lost:     []string{"host two"},
		Reverted: []string{"host one"},
	}, got)

	got.OtherCluster = true
	for i := range 60 {
		got.Lost = append(got.Lost, fmt.Sprint("host ", i))
	}
	var out bytes.Buffer
	got.Print(&out)
	require.Contains(t, out.String(), "another cluster")
	require.Contains(t, out.String(),
		"and there again afterwards (3): tap flow web <&>, tap service col, token ci\n")
	require.Contains(t, out.String(), "there now, and gone afterwards (61): host two, host 0")
	require.Contains(t, out.String(), " and 11 more\n")
}

func FuzzRead(f *testing.F) {
	var out bytes.Buffer
	if err := dump.Write(&out, whole(), time.Unix(0, 0)); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		state, err := dump.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		// What can be read can be written, and is then the same.
		var out bytes.Buffer
		require.NoError(t, dump.Write(&out, state, time.Unix(0, 0)))
		again, err := dump.Read(&out)
		require.NoError(t, err)
		require.Equal(t, len(state.Records), len(again.Records))
		require.Equal(t, state.ClusterID, again.ClusterID)
	})
}
