package declare_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// before has a server that calls f before it answers a request that changes something: the method
// and the path are given, and the number of the request, from 1. Planning changes nothing.
//
// It returns what waits until no request is being answered any more.
func before(d *tapctltest.Desk, t *testing.T, f func(n int, r *http.Request)) (idle func()) {
	t.Helper()
	n := 0
	inner := d.Server.Config.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/plan") {
			n++
			f(n, r)
		}
		inner.ServeHTTP(w, r)
	}))

	t.Cleanup(s.Close)
	d.Env["TAPLINE_SERVER"] = s.URL
	return s.Close
}

func TestInterruptedApplyTellsWhatWasMade(t *testing.T) {
	d := tapctltest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	idle := before(d, t, func(n int, r *http.Request) {
		if n == 3 { // the third of a host, two guests, a tap service and a tap flow
			body, err := io.ReadAll(r.Body) // The server notices who leaves once this is read.
			require.NoError(t, err)
			r.Body = io.NopCloser(bytes.NewReader(body))
			cancel()
			<-r.Context().Done() // The command has given up.
		}
	})

	var stdout, stderr strings.Builder
	code := cmd.Run(ctx, cli.World{
		Name: "tapctl", In: strings.NewReader(lab), Out: &stdout, Err: &stderr,
		Env: func(name string) string { return d.Env[name] },
	}, []string{"apply", "-f", "-"})

	require.Equal(t, cli.ExitInterrupted, code)
	require.Equal(t, "host/h1 created\nguest/vm1 created\n", stdout.String())
	require.Contains(t, stderr.String(), "2 of 5 changes were made; run the command again")
	require.Contains(t, stderr.String(), "it is not known whether a change took effect")

	idle() // The interrupted request may still make its guest.
	d.Env["TAPLINE_SERVER"] = d.Server.URL
	require.Regexp(t, `^host/h1 unchanged\nguest/vm1 unchanged\nguest/vm2 \w+\n`+
		`tap-service/ids created\ntap-flow/web created\n$`, d.Must("apply -f", d.File(lab)))
}

func TestAPartOfAReplacementIsTold(t *testing.T) {
	d := tapctltest.New(t)
	d.Must("apply -f", d.File(lab))
	before(d, t, func(n int, _ *http.Request) {
		if n == 2 { // after the old one is deleted, another takes the name of the new one
			_, err := d.Engine.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{
				Name: "web", GuestID: "vm-2", TapID: d.Engine.Services()[0].ID,
			}})
			require.NoError(t, err)
		}
	})

	moved := strings.Replace(lab, "guest_id: vm1", "guest_id: vm2", 1)
	stderr := d.Fails(cli.ExitFailed, "apply -f", d.File(moved))
	require.Contains(t, stderr, "tap-flow/web was begun and is not complete: replace\n")
	require.Contains(t, stderr, "0 of 1 changes were made")
	require.Contains(t, stderr, "next: run it again")
}

func TestDeleteDocuments(t *testing.T) {
	d := tapctltest.New(t)
	file := d.File(lab)
	d.Must("apply -f", file)
	d.Must("guest-create other --nic mac=52:54:00:00:00:0f")

	require.Contains(t, d.Must("delete --dry-run -f", file), "- host/h1 delete\n")
	require.Len(t, d.Engine.Flows(), 1)
	require.Equal(t, "tap-flow/web deleted\ntap-service/ids deleted\n"+
		"guest/vm1 deleted\nguest/vm2 deleted\nhost/h1 deleted\n", d.Must("delete -f", file))

	require.Empty(t, d.Engine.Flows())
	require.Equal(t, "other\n", d.Must("guest-list -o jsonpath={.guests[*].name}"))
	require.Equal(t, 5, strings.Count(d.Must("delete -f", file), " unchanged\n"), "nothing is left")

	require.Contains(t, d.Fails(cli.ExitUsage, "delete"), "-f is missing")
	d.Stdin = "kind: guest\nname: other\n"
	require.Equal(t, "guest/other deleted\n", d.Must("delete -f -"))
}

func TestADeletionThatIsRefusedDeletesNothing(t *testing.T) {
	d := tapctltest.New(t)
	d.Must("apply -f", d.File(lab))
	d.Must("tap-flow-create --type vnic --guest-id vm1 --tap-id ids by-hand")

	stderr := d.Fails(cli.ExitFailed, "delete -f", d.File(lab))
	require.Contains(t, stderr,
		"lab.yaml:9:1: tap service \"ids\" still has 1 tap flows: delete them first")
	require.Len(t, d.Engine.Flows(), 2)
	require.Len(t, d.Engine.Hosts(), 1)
}

func TestDeletionsThatSwitchesHaveNotFollowed(t *testing.T) {
	d := tapctltest.New(t)
	d.Must("apply -f", d.File(lab))
	flow := d.Engine.Flows()[0].ID
	d.Engine.SetLeaving(flow, true)

	code, stdout, stderr := d.Run("delete --wait 10ms -f", d.File(lab))
	require.Equal(t, cli.ExitPending, code, stderr)
	require.Contains(t, stdout, "tap-flow/web deleted\n")
	require.Contains(t, stderr,
		`tap flow "web" is being deleted: host h1 cannot be reached and may still copy`)
}

func TestAnApplySetIsEmptied(t *testing.T) {
	d := tapctltest.New(t)
	d.Must("apply --set lab -f", d.File(lab))
	d.Must("guest-create other --nic mac=52:54:00:00:00:0f")

	require.Contains(t, d.Fails(cli.ExitUsage, "apply --prune"), "-f is missing", "no set is named")
	require.Contains(t, d.Fails(cli.ExitUsage, "apply --set lab"), "-f is missing")
	code, out, _ := d.Run("diff --prune --set lab")
	require.Equal(t, 1, code)
	require.Contains(t, out, "0 to create, 0 to update, 0 to replace, 5 to delete, 0 unchanged")
	require.Contains(t, d.Must("plan --prune --set lab"), "tap-flow/web delete")

	require.Equal(t, 5, strings.Count(d.Must("apply --prune --set lab"), " deleted\n"))
	require.Equal(t, "guest/other\n", d.Must("guest-list -o name"))
	require.Empty(t, d.Must("apply --prune --set lab"))
}

func TestConflictsSayWhatToDo(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	before(d, t, func(int, *http.Request) {
		_, err := d.Engine.UpdateFlow(t.Context(), "web", 0, func(f *store.Flow) error {
			f.Direction = tap.Out
			return nil
		})
		require.NoError(t, err)
	})

	stderr := d.Fails(cli.ExitFailed, "apply -f", d.File("kind: tap_flow\nname: web\n"))
	require.Contains(t, stderr, "0 of 1 changes were made")
	require.Contains(t, stderr,
		"next: run it again: it compares the documents with what exists now")
}
