package cli_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNamesThatDoNotExistGetProposals(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	for _, tc := range []struct{ line, want string }{
		{"tap-flow-create --type vnic --guest-id vm2 --tap-id ids f", `did you mean guest "vm1"?`},
		{"tap-flow-create --type vnic --guest-id vm1 --tap-id idss f",
			`did you mean tap service "ids"?`},
		{"tap-flow-create --type vswitch --host-id h3 --wire-id n --tap-id ids f",
			`did you mean host "h1"?`},
		{"tap-service-create --type guest --target-id vm2 s", `did you mean guest "vm1"?`},
		{"tap-flow-enable web net-100", `did you mean tap flow "net0-100"?`},
		{"host-show h22", `did you mean host "h2"?`},
	} {
		require.Contains(t, d.Fails(cli.ExitFailed, tc.line), tc.want, tc.line)
	}

	require.Contains(t, d.Fails(cli.ExitUsage, "tap-flow-lst"),
		`unknown command "tap-flow-lst" for "tapctl"; did you mean tap-flow-`)

	require.NotContains(t, d.Fails(cli.ExitFailed, "tap-flow-show entirely-different"),
		"did you mean")
}

func TestTraces(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	code, stdout, stderr := d.Run("tap-flow-show web -v")
	require.Equal(t, cli.ExitDone, code)
	require.Equal(t, d.Must("tap-flow-show web"), stdout)
	require.Regexp(t, `^> GET http://.*/api/v1/tap_flows/web\n< 200 OK \(.*\)\n$`, stderr)

	_, _, stderr = d.Run("tap-flow-update web --direction OUT -vv")
	require.Contains(t, stderr, `>   {"direction":"OUT"}`)
	require.Contains(t, stderr, `"direction":"OUT","filter":""`)
	require.NotContains(t, stderr, tapctltest.Token)

	code, _, stderr = d.Run("token-create --role viewer other -o json -vv")
	require.Equal(t, cli.ExitDone, code)
	require.NotRegexp(t, `tl_[a-z2-7]{10}_[A-Z2-7]`, stderr, "a trace has no secret")
}

// TestStatusesGetAdvice has a server refuse requests in all ways that there is advice for.
func TestStatusesGetAdvice(t *testing.T) {
	status := 0
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"detail":"no, \u001b[2J never"}`))
	}))

	t.Cleanup(refuse.Close)
	d := tapctltest.New(t)
	d.Env["TAPLINE_SERVER"] = refuse.URL

	for code, want := range map[int]string{
		400: "correct the value", 401: "give the content of admin.token",
		403: "use a token of that role",
		404: "the list commands show", 409: "look at what it conflicts with", 412: "look again",
		429: "wait a moment", 500: "the controller's log", 503: "nothing was changed",
	} {
		status = code
		stderr := d.Fails(cli.ExitFailed, "tap-flow-list")
		require.Contains(t, stderr, "tapctl tap-flow-list: no, ?[2J never\n")
		require.Contains(t, stderr, http.StatusText(code))
		require.Contains(t, stderr, want)
	}
}

func TestAnAnswerThatIsNotTheControllers(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	d := tapctltest.New(t)
	d.Env["TAPLINE_SERVER"] = other.URL
	require.Contains(t, d.Fails(cli.ExitFailed, "tap-flow-list"),
		"does not come from a tapline controller")
}

func TestInterruption(t *testing.T) {
	arrived := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))

	t.Cleanup(slow.Close)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()

	var stderr strings.Builder
	code := cmd.Run(ctx, cli.World{
		Name: "tapctl", Out: &strings.Builder{}, Err: &stderr, In: strings.NewReader(""),
		Env: func(name string) string {
			return map[string]string{"TAPLINE_SERVER": slow.URL, "TAPLINE_TOKEN": "x"}[name]
		},
	}, []string{"tap-flow-enable", "web"})

	require.Equal(t, cli.ExitInterrupted, code)
	require.Contains(t, stderr.String(),
		"interrupted\n  next: it is not known whether a change took effect")
}

func TestLongWorkShowsThatItGoesOn(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	d.World.Live = true
	code, _, stderr := d.Run("wait host/h2 --timeout 1200ms")
	require.Equal(t, cli.ExitPending, code)
	require.Contains(t, stderr, "\r\x1b[Kwaiting for ready (1s)")
	require.Contains(t, stderr, "\r\x1b[Khost \"h2\" is not ready after 1.2s",
		"the line is cleared")

	begin := time.Now()
	code, _, stderr = d.Run("wait host/h2 --timeout 20ms")
	require.Equal(t, cli.ExitPending, code)
	require.NotContains(t, stderr, "\x1b[K", "%v is not long", time.Since(begin))
}
