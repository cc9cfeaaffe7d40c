package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestWait(t *testing.T) {
	for name, tc := range map[string]struct {
		state tap.State // after 3 s; "" stays pending
		want  api.Status
		took  time.Duration
	}{
		"ready":    {tap.StateReady, api.Ready, 3 * time.Second},
		"error":    {tap.StateError, api.Error, 3 * time.Second},
		"deadline": {"", api.Pending, 10 * time.Second},
	} {
		for _, r := range []struct {
			method, path, body string
			status             int
		}{
			{"POST", "tap_services/ids/enable", "", 200},
			{"PATCH", "tap_services/ids", `{"enabled":true}`, 200},
		} {
			t.Run(name+" "+r.method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					b.furnish()
					id := b.engine.Services()[0].ID
					if tc.state != "" {
						time.AfterFunc(
							3*time.Second,
							func() { b.engine.SetHealth(id, tc.state, "because") },
						)
					}
					begin := time.Now()
					var s api.TapService
					b.must(r.status, r.method, "/api/v1/"+r.path+"?wait=10s", r.body, &s)
					require.Equal(t, tc.want, s.Status)
					require.NotEmpty(t, s.Reason)
					require.Equal(t, tc.took, time.Since(begin))
				})
			})
		}
	}
}

func TestWaitWhereThereIsNothingToWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		begin := time.Now()
		b.must(
			201,
			"POST",
			"/api/v1/guests?wait=10s",
			`{"name":"g","nics":[{"mac":"52:54:00:00:00:09"}]}`,
			nil,
		)
		b.must(200, "PATCH", "/api/v1/wires/net0?wait=10s", `{"bridges":{"h1":"br9"}}`, nil)
		b.must(200, "POST", "/api/v1/tap_services/ids/disable?wait=10s", "", nil)
		b.must(200, "POST", "/api/v1/tap_services/ids/enable?wait=0s", "", nil)
		b.must(204, "DELETE", "/api/v1/tap_services/ids?wait=10s", "", nil)
		b.must(204, "DELETE", "/api/v1/guests/g?wait=10s", "", nil)
		b.must(204, "DELETE", "/api/v1/wires/net0?wait=10s", "", nil)
		require.Zero(t, time.Since(begin))
	})
}

func TestWaitForADeletion(t *testing.T) {
	for name, tc := range map[string]struct {
		drops time.Duration // when the switches drop it
		query string
		want  int
		took  time.Duration
	}{
		"dropped":             {3 * time.Second, "?wait=10s", 204, 3 * time.Second},
		"deadline":            {time.Hour, "?wait=10s", 202, 10 * time.Second},
		"soon dropped":        {time.Second, "", 204, time.Second},
		"default deadline":    {time.Hour, "", 202, 2 * time.Second},
		"asked not to wait":   {time.Hour, "?wait=0s", 202, 0},
		"never on any switch": {0, "?wait=0s", 204, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.furnish()
				id := b.engine.Services()[0].ID
				if tc.drops > 0 {
					b.engine.SetLeaving(id, true)
					time.AfterFunc(tc.drops, func() { b.engine.SetLeaving(id, false) })
				}

				begin := time.Now()
				w := b.must(tc.want, "DELETE", "/api/v1/tap_services/ids"+tc.query, "", nil)
				require.Equal(t, tc.took, time.Since(begin))

				if tc.want == 202 {
					var s, listed api.TapService
					require.NoError(t, json.Unmarshal(w.Body.Bytes(), &s))
					require.Equal(t, api.Deleting, s.Status)
					require.Equal(t, "may_still_copy", s.ReasonCode)
					b.must(200, "GET", "/api/v1/tap_services/ids", "", &listed)
					require.Equal(t, s, listed, "it stays listed")
					time.Sleep(2 * time.Hour)
				}
				b.problem(404, "GET", "/api/v1/tap_services/ids", "")
			})
		})
	}
}

func TestAHostIsDeletedByForce(t *testing.T) {
	b := newBench(t)
	b.must(201, "POST", "/api/v1/hosts", newHost, nil)
	id := b.engine.Hosts()[0].ID
	b.engine.SetLeaving(id, true)

	require.Contains(t, b.problem(409, "DELETE", "/api/v1/hosts/h?wait=0s", "").Detail,
		"cannot be reached")
	var h api.Host
	b.must(200, "GET", "/api/v1/hosts/h", "", &h)
	require.Equal(t, api.Pending, h.Status, "nothing was changed")

	b.must(202, "DELETE", "/api/v1/hosts/h?force=true&wait=0s", "", &h)
	require.Equal(t, api.Deleting, h.Status)
	b.engine.SetLeaving(id, false)
	b.problem(404, "GET", "/api/v1/hosts/h", "")

	require.Equal(t, "force",
		b.problem(400, "DELETE", "/api/v1/tap_flows/x?force=true", "").Field, "of hosts alone")
}

func TestWaitForWhatIsDeletedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		time.AfterFunc(
			time.Second,
			func() { _ = b.engine.DeleteService(context.Background(), "ids", 0) },
		)
		b.problem(404, "POST", "/api/v1/tap_services/ids/enable?wait=10s", "")
	})
}

func TestServeEndsStreamsAndWaits(t *testing.T) {
	b := newBench(t)
	b.furnish()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln, b.handler, nil) }()

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	request := func(method, path string) *http.Request {
		r, err := http.NewRequest(method, "http://"+ln.Addr().String()+path, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	}
	watching, err := client.Do(request("GET", "/api/v1/watch"))
	require.NoError(t, err)
	defer watching.Body.Close()
	lines := bufio.NewReader(watching.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, ": watching\n", first)

	waited := make(chan int, 1)
	go func() {
		resp, err := client.Do(request("POST", "/api/v1/tap_services/ids/enable?wait=5m"))
		if err != nil {
			waited <- 0
			return
		}
		defer resp.Body.Close()
		waited <- resp.StatusCode
	}()
	// The stream tells that the write is done and its request waits.
	for line := ""; !strings.HasPrefix(line, `data: {"kind":"tap_service"`); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	cancel()
	require.NoError(t, <-served)
	require.Equal(t, http.StatusOK, <-waited, "the write is done, whatever its status")
	_, err = io.Copy(io.Discard, lines)
	require.NoError(t, err, "the stream ends as it should")
}

func TestServeOnAClosedListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.ErrorContains(
		t,
		server.Serve(t.Context(), ln, http.NotFoundHandler(), nil),
		ln.Addr().String(),
	)
}
