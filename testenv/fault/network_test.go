package fault_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/fault"
)

// TestNetwork breaks the OVSDB connection of one host in many ways. Changes of the other host stay
// as fast. What was changed meanwhile, also by a transaction whose answer was lost, takes effect
// exactly once when the connection works again.
func TestNetwork(t *testing.T) {
	t.Parallel()
	hosts := start(t, 2)
	good, bad := hosts[0], hosts[1]
	r := newRig(t, nil)
	proxy, err := fault.NewProxy(bad.OVSDB)
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	r.register("good", good.OVSDB)
	r.register("bad", proxy.Target())
	r.ready("good")
	r.ready("bad")
	flow, torn := r.capture("good", good), r.capture("bad", bad)
	r.toggle(flow)
	alone := r.pace(flow, 5)

	mirrors := func() int {
		text, err := bad.VSCtl("--bare", "--columns=name", "list", "Mirror")
		require.NoError(t, err)
		return len(strings.Fields(text))
	}

	silent, enabled := fault.Way{Silent: true}, true
	for _, tc := range []struct {
		name string
		f    fault.Faults
		cut  bool
	}{
		{"slow both ways", fault.Faults{ToServer: fault.Way{Delay: 100 * time.Millisecond},
			ToClient: fault.Way{Delay: 100 * time.Millisecond}}, false},
		{"cut while the transaction is sent",
			fault.Faults{ToServer: fault.Way{CutAt: `"transact"`}}, false},
		{"cut in its middle", fault.Faults{ToServer: fault.Way{CutAfter: 200}}, false},
		{"cut before its reply", fault.Faults{ToClient: fault.Way{CutAfter: 1}}, false},
		{"reply is not heard", fault.Faults{ToClient: silent}, false},
		{"half-open", fault.HalfOpen(), false},
		{"slow reader", fault.Faults{ToServer: fault.Way{Rate: 2000}}, false},
		{"refused", fault.Faults{Refuse: true}, true},
		{"accepted and left alone", fault.Faults{Hang: true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.t = t
			proxy.Set(tc.f)
			if tc.cut {
				proxy.Cut()
			}

			enabled = !enabled
			_, err := r.UpdateFlow(t.Context(), torn, 0,
				func(f *store.Flow) error { f.Enabled = enabled; return nil })
			require.NoError(t, err)
			took := r.pace(flow, 3)
			proxy.Set(fault.Faults{})
			if tc.f == fault.HalfOpen() || tc.f.ToClient.Silent || tc.f.Hang {
				proxy.Cut() // Cut the link for good; the new one has no faults.
			}

			want := map[bool]int{true: 1, false: 0}[enabled]
			whole := r.await("it is as it should be", func() bool {
				v, err := r.Flow(torn)
				h, _ := r.Host("bad")
				return err == nil && h.State == tap.StateReady &&
					(v.State == tap.StateReady) == enabled && mirrors() == want
			})

			t.Logf("a change elsewhere took %v, %v without; whole %v after the fault was lifted",
				took, alone, whole)

			assert.Less(t, took, 10*alone+time.Second)
		})
	}

	r.t = t
}

// TestNetworkOpenFlow loses a bundle, or the answer to it. The flows are then repaired from what
// the switch has.
func TestNetworkOpenFlow(t *testing.T) {
	t.Parallel()
	h := start(t, 1)[0]
	var proxy *fault.Proxy
	r := newRig(t, nil, func(target string) string {
		var err error
		proxy, err = fault.NewProxy(target)
		require.NoError(t, err)
		t.Cleanup(proxy.Close)
		return proxy.Target()
	})

	r.register("h", h.OVSDB)
	r.ready("h")
	flow := r.capture("h", h)
	installed := func() int {
		text, err := h.OFCtl("dump-flows", "brtap")
		require.NoError(t, err)
		return strings.Count(text, "cookie=")
	}

	r.toggle(flow)
	with, enabled := installed(), true
	for _, tc := range []struct {
		name string
		f    fault.Faults
	}{
		{"slow", fault.Faults{ToServer: fault.Way{Delay: 50 * time.Millisecond},
			ToClient: fault.Way{Delay: 50 * time.Millisecond}}},
		{"bundle is cut in a message", fault.Faults{ToClient: fault.Way{CutAfter: 30}}},
		{"bundle is cut after some messages", fault.Faults{ToClient: fault.Way{CutAfter: 300}}},
		{"cut before the answer", fault.Faults{ToServer: fault.Way{CutAfter: 1}}},
		{"answer is not heard", fault.Faults{ToServer: fault.Way{Silent: true}}},
		{"half-open", fault.HalfOpen()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.t = t
			proxy.Set(tc.f)
			enabled = !enabled
			_, err := r.UpdateFlow(t.Context(), flow, 0,
				func(f *store.Flow) error { f.Enabled = enabled; return nil })
			require.NoError(t, err)
			<-time.After(200 * time.Millisecond) // Messages under way meet the fault.
			proxy.Set(fault.Faults{})
			if tc.f.ToServer.Silent {
				proxy.Cut()
			}

			took := r.await("it is as it should be", func() bool {
				v, err := r.Flow(flow)
				host, _ := r.Host("h")
				n := installed()
				return err == nil && host.State == tap.StateReady &&
					(v.State == tap.StateReady) == enabled && (n == with) == enabled
			})

			t.Logf("whole %v after the fault was lifted", took)
			assert.NotContains(t, r.log.since(0), "somebody else")
		})
	}

	r.t = t
}

// TestStampede lets 200 hosts with 50 ports each return at once, twice. All are connected soon, and
// changes of another host do not wait for them. Nothing of them remains when they are deleted.
func TestStampede(t *testing.T) {
	const n, ports = 200, 50
	h := start(t, 1)[0]
	r := newRig(t, nil)
	r.register("good", h.OVSDB)
	r.ready("good")
	flow := r.capture("good", h)
	r.toggle(flow)
	alone := r.pace(flow, 5)
	text := schema(t)
	var proxies []*fault.Proxy
	before := runtime.NumGoroutine()
	for i := range n {
		database := fault.Database{Schema: text, Rows: guests(1000*(i+1), ports, "")}
		peer, err := fault.Listen(func(nc net.Conn) { database.Serve(nc) })
		require.NoError(t, err)
		t.Cleanup(peer.Close)
		proxy, err := fault.NewProxy(peer.Target())
		require.NoError(t, err)
		t.Cleanup(proxy.Close)
		proxy.Set(fault.Faults{Refuse: true})
		proxies = append(proxies, proxy)
		_, err = r.CreateHost(t.Context(), store.Host{Name: fmt.Sprintf("h%d", i),
			OVSDB: proxy.Target()})
		require.NoError(t, err)
	}

	connected := func() (all int) {
		for _, v := range r.Hosts() {
			if v.Connected {
				all++
			}
		}
		return all
	}

	for _, round := range []string{"first", "again"} {
		r.await("all are away", func() bool { return connected() == 1 })
		peak := peakHeap()
		for _, p := range proxies {
			p.Set(fault.Faults{})
		}

		during := r.toggle(flow)
		took := r.await("all are there", func() bool { return connected() == n+1 })
		t.Logf("%s: %d hosts are there after %v; a change meanwhile took %v, %v without; heap "+
			"grew by %d MiB", round, n, took, during, alone, peak()/mib)

		assert.Less(t, during, 10*alone+5*time.Second)
		assert.Less(t, took, 30*time.Second)
		for _, p := range proxies {
			p.Set(fault.Faults{Refuse: true})
			p.Cut()
		}
	}

	// A host is deleted while it can be reached, so that it is cleaned.
	for _, p := range proxies {
		p.Set(fault.Faults{})
	}
	r.await("all are there again", func() bool { return connected() == n+1 })
	for i := range n {
		require.NoError(t, r.DeleteHost(t.Context(), fmt.Sprintf("h%d", i), 0, false))
	}
	r.await("all are cleaned", func() bool { return connected() == 1 })

	for _, p := range proxies {
		p.Close()
	}

	// Goroutines of the peers themselves.
	r.await("no goroutine is left", func() bool { return runtime.NumGoroutine() < before+3*n })
}
