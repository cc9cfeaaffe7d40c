package observe_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// deletingController is a controller whose one tap flow is being deleted, until it is gone.
func deletingController(t *testing.T) (url string, gone *atomic.Bool) {
	t.Helper()
	gone = &atomic.Bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api/v1/events":
			w.WriteHeader(http.StatusNotFound)
			return
		case gone.Load():
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"status":404,"detail":"there is no tap flow \"web\""}`)
			return
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusAccepted)
		}
		fmt.Fprint(w, `{"id":"1","name":"web","status":"deleting",
			"reason":"host h1 cannot be reached and may still copy"}`)
	}))
	t.Cleanup(s.Close)
	return s.URL, gone
}

func TestADeletionThatIsNotComplete(t *testing.T) {
	d := tapctltest.New(t)
	url, gone := deletingController(t)
	d.Env["TAPLINE_SERVER"] = url

	code, stdout, stderr := d.Run("tap-flow-delete web")
	require.Equal(t, cli.ExitPending, code)
	require.Equal(t, "tap flow \"web\" deleted\n", stdout)
	require.Equal(t,
		"tap flow \"web\" is being deleted: host h1 cannot be reached and may still copy\n", stderr)

	code, _, stderr = d.Run("wait tap-flow/web --for deleted --timeout 10ms")
	require.Equal(t, cli.ExitPending, code)
	require.Contains(t, stderr, "deleting: host h1 cannot be reached and may still copy")
	require.Contains(t, d.Fails(cli.ExitFailed, "wait tap-flow/web"),
		"is being deleted: host h1 cannot be reached and may still copy\n"+
			"  next: wait for it with --for deleted")
	require.Equal(t, "deleting\n", d.Must("tap-flow-show web --columns status --no-headers"))

	gone.Store(true)
	require.Equal(t, "tap flow \"web\" is deleted\n", d.Must("wait tap-flow/web --for deleted"))
}
