package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
)

// looking notes whose counters are read because somebody looks.
type looking struct {
	server.Engine
	at *[]string
}

func (l looking) SampleFlows(
	_ context.Context,
	refs ...string,
) {
	*l.at = append(*l.at, refs...)
}

func (l looking) SampleServices(
	_ context.Context,
	refs ...string,
) {
	*l.at = append(*l.at, refs...)
}

// TestListsHaveFreshCounters: who lists gets counters as fresh as who looks at one, but for lists
// that are long.
func TestListsHaveFreshCounters(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.must(
		201,
		"POST",
		"/api/v1/tap_flows",
		`{"name":"one","type":"vnic","guest_id":"vm1","tap_id":"ids"}`,
		nil,
	)
	b.must(
		201,
		"POST",
		"/api/v1/tap_flows",
		`{"name":"two","type":"vnic","guest_id":"vm1","tap_id":"ids"}`,
		nil,
	)
	var at []string
	b.handler = server.New(
		server.Config{
			Token:  []byte(token),
			Engine: looking{b.engine, &at},
			Logger: slog.New(slog.DiscardHandler),
		},
	)
	var flows api.TapFlowList
	b.must(200, "GET", "/api/v1/tap_flows?limit=1", "", &flows)
	require.Equal(t, []string{flows.TapFlows[0].ID}, at, "of those that are told")
	at = nil
	var services api.TapServiceList
	b.must(200, "GET", "/api/v1/tap_services", "", &services)
	require.Len(t, at, services.Total)

	for i := range 100 {
		b.must(
			201,
			"POST",
			"/api/v1/tap_flows",
			fmt.Sprintf(`{"name":"many%d","type":"vnic","guest_id":"vm1","tap_id":"ids"}`, i),
			nil,
		)
	}
	at = nil
	b.must(200, "GET", "/api/v1/tap_flows", "", nil)
	require.Empty(t, at)
}

// TestNoBodyIsAnEmptyObject: clients that send an object with every POST are served, and what would
// be ignored is refused.
func TestNoBodyIsAnEmptyObject(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.must(200, "POST", "/api/v1/tap_services/ids/enable", " {}\n", nil)
	require.Equal(
		t,
		"body",
		b.problem(400, "POST", "/api/v1/tap_services/ids/disable", `{"a":1}`).Field,
	)
	require.Equal(
		t,
		"body",
		b.problem(
			400,
			"POST",
			"/api/v1/tap_services/ids/disable",
			strings.Repeat(" ", 20)+"{}",
		).Field,
	)
}
