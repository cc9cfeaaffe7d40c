package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/controller/store"
)

// model is the contract in its simplest form: a map, and a number that grows.
type model struct {
	revision uint64
	records  map[string]store.Record // by kind, a space, and id
}

func (m *model) commit(ops []store.Op) bool {
	for _, op := range ops {
		have := m.records[string(op.Kind)+" "+op.ID].Revision
		if op.IfRevision != 0 && op.IfRevision != have {
			return false
		}
	}

	m.revision++
	for _, op := range ops {
		key := string(op.Kind) + " " + op.ID
		if op.Value == nil {
			delete(m.records, key)
		} else {
			m.records[key] = store.Record{
				Kind: op.Kind, ID: op.ID, Revision: m.revision, Value: op.Value,
			}
		}
	}

	return true
}

func (m *model) sorted() []store.Record {
	var out []store.Record
	for _, r := range m.records {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b store.Record) int {
		return strings.Compare(string(a.Kind)+" "+a.ID, string(b.Kind)+" "+b.ID)
	})
	return out
}

func testModel(t *testing.T, h Harness) {
	kinds := []store.Kind{store.KindHost, store.KindGuest, store.KindService, store.KindFlow}
	rapid.Check(t, func(rt *rapid.T) {
		s := h.Open(t)
		defer func() { require.NoError(rt, s.Close()) }()
		m := model{records: make(map[string]store.Record)}

		drawOp := rapid.Custom(func(rt *rapid.T) store.Op {
			op := store.Op{
				Kind:       rapid.SampledFrom(kinds).Draw(rt, "kind"),
				ID:         rapid.StringMatching(`[ab]`).Draw(rt, "id"),
				IfRevision: rapid.Uint64Range(0, m.revision+1).Draw(rt, "if"),
			}

			if rapid.Bool().Draw(rt, "known") {
				op.IfRevision = m.records[string(op.Kind)+" "+op.ID].Revision
			}
			if rapid.Bool().Draw(rt, "write") {
				op.Value = json.RawMessage(fmt.Sprint(rapid.Byte().Draw(rt, "value")))
			}
			return op
		})

		commit := func(rt *rapid.T) {
			ops := rapid.SliceOfN(drawOp, 1, 4).Draw(rt, "ops")
			accepted := m.commit(ops)
			revision, err := s.Commit(t.Context(), ops...)
			if accepted {
				require.NoError(rt, err)
				require.Equal(rt, m.revision, revision)
			} else {
				require.True(rt, errors.Is(err, store.ErrConflict), "%v", err)
			}
		}

		rt.Repeat(map[string]func(*rapid.T){
			"commit": commit,
			"reopen": func(rt *rapid.T) {
				if h.Reopen == nil {
					rt.Skip("nothing is kept")
				}
				s = h.Reopen(t, s)
			},
			"": func(rt *rapid.T) {
				state, err := s.Load(t.Context())
				require.NoError(rt, err)
				require.Equal(rt, m.revision, state.Revision)
				require.Equal(rt, m.sorted(), state.Records)
			},
		})
	})
}
