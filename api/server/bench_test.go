package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// crowded lists the same many flows each time, as an engine does that keeps them in order.
type crowded struct {
	*servertest.Engine
	flows []view.Flow
}

func (c crowded) FlowRows() []view.FlowRow {
	rows := make([]view.FlowRow, len(c.flows))
	for i := range c.flows {
		rows[i] = view.FlowRow{Flow: c.flows[i].Flow, Health: c.flows[i].Health}
	}
	return rows
}

func (c crowded) FlowViews(rows []view.FlowRow) []view.Flow {
	views := make([]view.Flow, len(rows))
	for i, r := range rows {
		views[i] = view.Flow{Flow: r.Flow, Health: r.Health}
	}
	return views
}

// BenchmarkList lists 10,000 flows in ways that users do.
func BenchmarkList(b *testing.B) {
	e := crowded{Engine: servertest.New()}
	for n := range 10_000 {
		e.flows = append(
			e.flows,
			view.Flow{
				Health: view.Health{State: tap.StateReady},
				Flow: &store.Flow{Flow: tap.Flow{
					ID: fmt.Sprintf(
						"3f2504e0-4f89-41d3-9a0c-%012d",
						n,
					), Name: fmt.Sprintf("flow-%05d", n), TapID: fmt.Sprint("s", n%100),
					Type: tap.FlowVNIC, GuestID: fmt.Sprint("g", n%1000), Direction: tap.Both,
					Enabled: true,
				}},
			},
		)
	}
	h := server.New(server.Config{Engine: e, Token: []byte(token)})
	for name, query := range map[string]string{
		"all": "", "page": "?limit=50&offset=5000", "filter": "?tap_id=s7",
		"order":  "?order_by=guest_id&order=desc&limit=50",
		"newest": "?order_by=created_at&order=desc&limit=10",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "/api/v1/tap_flows"+query, nil)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				require.Equal(b, http.StatusOK, w.Code)
			}
		})
	}
}
