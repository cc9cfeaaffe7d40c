package fault_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/fault"
)

func schema(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../ovsdb/vswitch/testdata/vswitch.ovsschema.json")
	require.NoError(t, err)
	return text
}

// guests are the rows of a switch with a bridge br0 and so many guests' ports, as <table-updates2>.
func guests(from, n int, ids string) []byte {
	uuid := func(kind, i int) string {
		return fmt.Sprintf("%08x-%04x-4000-8000-000000000000", i, kind)
	}

	var ports, devices, refs strings.Builder
	for i := from; i < from+n; i++ {
		comma := ","
		if i == from {
			comma = ""
		}

		fmt.Fprintf(&refs, `%s["uuid","%s"]`, comma, uuid(1, i))
		fmt.Fprintf(&ports, `%s"%s":{"initial":{"name":"vnet%d","interfaces":["uuid","%s"]}}`,
			comma, uuid(1, i), i, uuid(2, i))

		fmt.Fprintf(&devices,
			`%s"%s":{"initial":{"name":"vnet%d","ofport":%d,`+
				`"mac_in_use":"fe:54:00:%02x:%02x:%02x","external_ids":["map",[["attached-mac",`+
				`"52:54:00:%02x:%02x:%02x"],["vm-id","vm-%d"]%s]]}}`,
			comma, uuid(2, i), i, i+1, i>>16&255, i>>8&255, i&255, i>>16&255, i>>8&255, i&255, i,
			ids)
	}

	return fmt.Appendf(nil,
		`{"Open_vSwitch":{"%s":{"initial":{"ovs_version":"3.1.0","bridges":["uuid","%s"]}}},`+
			`"Bridge":{"%s":{"initial":{"name":"br0","ports":["set",[%s]]}}},"Port":{%s},`+
			`"Interface":{%s}}`,
		uuid(3, from), uuid(4, from), uuid(4, from), refs.String(), ports.String(),
		devices.String())
}

// TestHostileOVSDB has a host's database say all kinds of things. The other hosts stay as fast,
// memory and log are bounded, and the host's status says what is wrong. Once the database behaves,
// the host is connected.
func TestHostileOVSDB(t *testing.T) {
	h := start(t, 1)[0]
	r := newRig(t, nil)
	r.register("good", h.OVSDB)
	r.ready("good")
	flow := r.capture("good", h)
	r.toggle(flow)
	alone := r.pace(flow, 5)
	t.Logf("a change takes %v", alone)
	legal := fault.Database{Schema: schema(t), Rows: guests(0, 2, "")}

	answer := func(method string, say func(s *fault.OVSDB, r fault.Request)) func(net.Conn) {
		d := legal
		d.Answer = func(s *fault.OVSDB, r fault.Request) bool {
			if r.Method != method {
				return false
			}
			say(s, r)
			return true
		}
		return d.Serve
	}

	monitored := func(say func(s *fault.OVSDB, monitor json.RawMessage)) func(net.Conn) {
		d := legal
		d.Monitored = say
		return d.Serve
	}

	endless := func(begin, more string) func(*fault.OVSDB, fault.Request) {
		return func(s *fault.OVSDB, r fault.Request) {
			// The other end may have closed it.
			_ = s.Say(`{"id":%s,"error":null,"result":%s`, r.ID, begin)
			piece := []byte(strings.Repeat(more, 1+(32<<10)/len(more)))
			s.Repeat(piece, 1<<30/len(piece))
		}
	}

	for i, tc := range []struct {
		name   string
		serve  func(net.Conn)
		reason string // in the host's status
		grows  int64  // MiB
	}{
		{"1 GiB in a string", answer("get_schema", endless(`"`, "x")), "larger than the limit",
			250},
		{"1 GiB of JSON", answer("monitor_cond_since",
			endless(`[false,"x",{`, `"a":[1,2,{"b":null}],`)), "larger than the limit", 250},
		{"an endless line", func(nc net.Conn) {
			raw([]byte(strings.Repeat(" ", 64<<10)), 1<<14)(nc)
		}, "", 60},
		{"deep nesting", answer("get_schema", func(s *fault.OVSDB, r fault.Request) {
			_ = s.Reply(r, strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20))
		}), "breaks the protocol", 80},
		{"garbage", raw([]byte("\x00\x01SSH-2.0 hello\r\n"), 1<<10), "every message is an object",
			60},
		{"closes at once", func(net.Conn) {}, "closed", 60},
		{"accepts and hangs", func(nc net.Conn) {
			_, _ = nc.Read(make([]byte, 1))
			<-time.After(3 * time.Second)
		}, "connecting", 60},
		{"replies of foreign ids", answer("get_schema",
			func(s *fault.OVSDB,
				r fault.Request) {
				_ = s.Say(`{"id":4711,"error":null,"result":{}}`)
			}), "no request waits", 60},
		{"replies of unknown requests",
			func(nc net.Conn) { raw([]byte(`{"id":1,"error":null,"result":{}}`), 100)(nc) },
			"breaks the protocol", 60},
		{"another schema", answer("get_schema", func(s *fault.OVSDB, r fault.Request) {
			_ = s.Reply(r, `{"name":"Open_vSwitch","version":"1.0.0",`+
				`"tables":{"T":{"columns":{"name":{"type":"integer"}}}}}`)
		}), "has no table", 60},
		{"wrong types", answer("monitor_cond_since", func(s *fault.OVSDB, r fault.Request) {
			_ = s.Reply(r, `[false,"00000000-0000-0000-0000-000000000000",`+
				`{"Bridge":{"00000000-0000-0000-0000-000000000001":{"initial":{"name":7}}}}]`)
		}), "breaks the protocol", 60},
		{"updates of unknown tables", monitored(func(s *fault.OVSDB, m json.RawMessage) {
			_ = s.Update(m,
				`{"Nothing":{"00000000-0000-0000-0000-000000000001":{"initial":{"name":"x"}}}}`)
		}), "Nothing", 60},
		{"changes of unknown rows", monitored(func(s *fault.OVSDB, m json.RawMessage) {
			_ = s.Update(m,
				`{"Bridge":{"00000000-0000-0000-0000-000000000001":{"modify":{"name":"x"}}}}`)
		}), "not there", 60},
		{"a database without end", monitored(func(s *fault.OVSDB, m json.RawMessage) {
			for i := 1; s.Update(m, string(guests(i*6000, 6000, ""))) == nil && i < 1000; i++ {
			}
		}), "larger than that of any switch", 400},
		{"changes without pause", monitored(func(s *fault.OVSDB, m json.RawMessage) {
			const change = `{"Open_vSwitch":{"00000000-0003-4000-8000-000000000000":` +
				`{"modify":{"cur_cfg":%d}}}}`
			for i := 0; s.Update(m, fmt.Sprintf(change, i)) == nil; i++ {
			}
		}), "", 120},
		{"never answers a transaction", answer("transact", func(*fault.OVSDB, fault.Request) {}),
			"", 60},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.t = t
			// The tombstone of one that cannot be cleaned keeps its name.
			name := fmt.Sprintf("bad%d", i)
			at := r.log.len()
			peak := peakHeap()
			peer, err := fault.Listen(tc.serve)
			require.NoError(t, err)
			defer peer.Close()
			_, err = r.CreateHost(t.Context(), store.Host{Name: name, OVSDB: peer.Target()})
			require.NoError(t, err)
			told := func() bool {
				v, err := r.Host(name)
				return err == nil && strings.Contains(v.Reason, tc.reason)
			}

			assert.Eventually(t, told, patience, time.Millisecond, "status says %q", tc.reason)
			if tc.reason == "" {
				assert.Eventually(t, func() bool {
					return peer.Connections() > 0
				}, patience, time.Millisecond)
			}

			took := r.pace(flow, 5)
			v, err := r.Host(name)
			assert.NoError(t, err)
			assert.NotEqual(t, tap.StateReady, v.State)
			begin := time.Now()
			assert.NoError(t, r.DeleteHost(t.Context(), name, 0, true))
			r.await("the bad host is forgotten, or waits to be cleaned", func() bool {
				v, err := r.Host(name)
				return err != nil || v.State == tap.StateDeleting
			})

			deleted := time.Since(begin)
			peer.Close()
			grown := peak()
			lines := strings.Count(r.log.since(at), "\n")
			t.Logf("a change took %v, %v without; deleted in %v; %d connections; heap grew by %d "+
				"MiB; %d lines of log; %s",
				took, alone, deleted, peer.Connections(), grown/mib, lines, v.Reason)

			assert.Less(t, took, 10*alone+time.Second)
			assert.Less(t, grown, tc.grows*mib)
			assert.Less(t, lines, 100, "lines of log")
		})
	}

	r.t = t
}
