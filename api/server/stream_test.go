package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/store"
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
						time.AfterFunc(3*time.Second, func() { b.engine.SetHealth(id, tc.state, "because") })
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
		b.must(201, "POST", "/api/v1/guests?wait=10s", `{"name":"g","nics":[{"mac":"52:54:00:00:00:09"}]}`, nil)
		b.must(200, "PATCH", "/api/v1/wires/net0?wait=10s", `{"bridges":{"h1":"br9"}}`, nil)
		b.must(200, "POST", "/api/v1/tap_services/ids/disable?wait=10s", "", nil)
		b.must(200, "POST", "/api/v1/tap_services/ids/enable?wait=0s", "", nil)
		b.must(204, "DELETE", "/api/v1/tap_services/ids?wait=10s", "", nil)
		require.Zero(t, time.Since(begin))
	})
}

func TestWaitForWhatIsDeletedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		time.AfterFunc(time.Second, func() { _ = b.engine.DeleteService(context.Background(), "ids", 0) })
		b.problem(404, "POST", "/api/v1/tap_services/ids/enable?wait=10s", "")
	})
}

// stream is a ResponseWriter whose body can be read while it is written.
type stream struct {
	header http.Header
	status chan int
	io.Writer
}

func (s *stream) Header() http.Header    { return s.header }
func (s *stream) WriteHeader(status int) { s.status <- status }
func (s *stream) Flush()                 {}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		pr, pw := io.Pipe()
		w := &stream{header: http.Header{}, status: make(chan int, 1), Writer: pw}
		r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/watch", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		go func() {
			b.handler.ServeHTTP(w, r)
			pw.Close()
		}()
		lines := bufio.NewScanner(pr)
		next := func() string {
			t.Helper()
			require.True(t, lines.Scan(), "the stream has ended")
			return lines.Text()
		}
		require.Equal(t, ": watching", next())
		require.Equal(t, "", next())
		require.Equal(t, http.StatusOK, <-w.status)
		require.Equal(t, "text/event-stream", w.header.Get("Content-Type"))

		begin := time.Now()
		require.Equal(t, ": alive", next())
		require.Equal(t, "", next())
		require.Equal(t, 15*time.Second, time.Since(begin))

		_, err := b.engine.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "f", TapID: "ids", Type: tap.FlowVNIC, GuestID: "vm1", Enabled: true}})
		require.NoError(t, err)
		require.NoError(t, b.engine.DeleteFlow(ctx, "f", 0))
		for _, what := range []string{"created", "deleted"} {
			require.Regexp(t, `^id: \d+$`, next())
			require.Equal(t, "event: "+what, next())
			data := next()
			require.True(t, strings.HasPrefix(data, `data: {"kind":"tap_flow","object":{"id":"flow-`), data)
			require.Equal(t, "", next())
			var e api.Event
			require.NoError(t, e.UnmarshalJSON([]byte(strings.TrimPrefix(data, "data: "))))
			require.Equal(t, "f", e.Object.(api.TapFlow).Name)
		}
		b.engine.CloseSubscriptions()
		require.False(t, lines.Scan(), "the stream ends with the subscription")
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
	for line := ""; !strings.HasPrefix(line, "data:"); {
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
	require.ErrorContains(t, server.Serve(t.Context(), ln, http.NotFoundHandler(), nil), ln.Addr().String())
}
