//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// defaultFaults is how many faults a soak of replicas has; SOAK_OPS sets another number.
const defaultFaults = 4

// register is the description of one tap flow.
type register struct {
	flow  string
	write bool
	value string // that is written
}

// registers are the descriptions of tap flows. Each is one register; unknown writes may take effect
// at any later time.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byFlow := map[string][]porcupine.Operation{}
		for _, op := range history {
			flow := op.Input.(register).flow
			byFlow[flow] = append(byFlow[flow], op)
		}
		var all [][]porcupine.Operation
		for _, ops := range byFlow {
			all = append(all, ops)
		}
		return all
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		if in := input.(register); in.write {
			return true, in.value
		}
		return output == state, state
	},
}

// history is what clients were told.
type history struct {
	begin time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
	wrote int // writes that were acknowledged
}

// do sends one request, and notes its outcome. A request that was not carried out is left out.
func (h *history) do(number int, c *client.Client, in register) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	op := porcupine.Operation{ClientId: number, Input: in, Call: h.now()}

	var got api.TapFlow
	var err error
	if in.write {
		patch := api.TapFlowPatch{Description: api.Set(in.value)}
		got, err = c.TapFlows().Update(ctx, in.flow, patch)
	} else {
		got, err = c.TapFlows().Get(ctx, in.flow)
	}
	op.Output, op.Return = got.Description, h.now()

	var refused *client.Error
	var dial *net.OpError
	switch {
	case err == nil:
	case !in.write, errors.As(err, &refused) && refused.Problem.Code == api.NoLeader,
		errors.As(err, &dial) && dial.Op == "dial":
		return
	default:
		op.Return = math.MaxInt64 // It may take effect later, or never.
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	if in.write && err == nil {
		h.wrote++
	}
}

func (h *history) now() int64 { return time.Since(h.begin).Nanoseconds() }

// TestRegisters: an answer that is older than an acknowledged write is found, and a write of
// unknown outcome may have happened or not.
func TestRegisters(t *testing.T) {
	op := func(write bool, value string, call, end int64) porcupine.Operation {
		return porcupine.Operation{
			Input:  register{flow: "f", write: write, value: value},
			Output: value, Call: call, Return: end,
		}
	}
	one, two := op(true, "one", 0, 1), op(true, "two", 2, 3)
	unknown := op(true, "two", 2, math.MaxInt64)
	for _, test := range []struct {
		ops  []porcupine.Operation
		want bool
	}{
		{[]porcupine.Operation{one, two, op(false, "two", 4, 5)}, true},
		{[]porcupine.Operation{one, two, op(false, "one", 4, 5)}, false},
		{[]porcupine.Operation{one, unknown, op(false, "one", 4, 5)}, true},
		{[]porcupine.Operation{one, unknown, op(false, "two", 4, 5)}, true},
		{[]porcupine.Operation{
			one, unknown, op(false, "two", 4, 5), op(false, "one", 6, 7)}, false},
	} {
		if got := porcupine.CheckOperations(registers, test.ops); got != test.want {
			t.Errorf("%v for %v", got, test.ops)
		}
	}
}

// TestReplicasSoak kills, freezes and cuts off replicas and members of etcd at random, while
// clients change and read descriptions by all replicas, and a guest sends. What the clients were
// told is a history of registers that could have happened, and no copy is missing.
func TestReplicasSoak(t *testing.T) {
	faults, seed := defaultFaults, rand.Uint64()
	if text := os.Getenv("SOAK_OPS"); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		faults = n
	}
	random := rand.New(rand.NewPCG(seed, seed))
	f := startReplicas(t, 2)
	web, app := f.guest(t, f.Hosts[0], "web"), f.guest(t, f.Hosts[1], "app")
	to := f.guestSink(t, f.guest(t, f.Hosts[1], "ids"), "brtap")
	flows := []string{f.flow(t, to, vnic(web, "OUT")).ID, f.flow(t, to, vnic(app, "OUT")).ID}
	source := capture(t, web.Node, "eth0", lab.Out)
	tag, traffic := stream(t, web, app.MAC(), 200)
	firstOf(t, to.Capture, tag, time.Time{})

	h := &history{begin: time.Now()}
	clients := f.startClients(h, flows)
	for range faults {
		f.fault(t, random)
	}
	clients()

	firstOf(t, source, tag, time.Now().Add(200*time.Millisecond))
	must(t, traffic.Stop())
	must(t, source.WaitQuiet(deadline(t), quiet))
	must(t, to.WaitQuiet(deadline(t), quiet))
	if missing := missed(source, to.Capture, tag); missing != "" {
		t.Error(missing)
	}

	for _, flow := range flows { // what is acknowledged is there at last
		h.do(0, f.replicas[0].api, register{flow: flow})
	}
	t.Logf("%d faults, %d answers, %d of them writes", faults, len(h.ops), h.wrote)
	if h.wrote < 5*faults {
		t.Errorf("only %d writes were acknowledged", h.wrote)
	}
	if result := porcupine.CheckOperationsTimeout(registers, h.ops, time.Minute); result !=
		porcupine.Ok {
		t.Errorf("what clients were told is %v (seed %d): %v", result, seed, h.ops)
	}
}

// startClients has a client for each replica read and write, until the returned function is called.
func (f *fleetOfThree) startClients(h *history, flows []string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for number, c := range f.replicas {
		api := c.api // It is made anew with the process, for the same address.
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				in := register{flow: flows[i/2%len(flows)], write: i%2 == 0}
				in.value = fmt.Sprintf("%d by %d", i, number)
				h.do(number, api, in)
				time.Sleep(20 * time.Millisecond) // the pace of a busy user
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// fault does something to a replica or a member of etcd, and waits until changes are accepted and
// all run again.
func (f *fleetOfThree) fault(t *testing.T, random *rand.Rand) {
	i := random.IntN(3)
	if random.IntN(2) == 0 { // rather the one that leads
		i = f.leader(t, f.replicas[i])
	}
	c, m := f.replicas[i], f.members[random.IntN(3)]

	var undo func()
	kind := random.IntN(4)
	t.Logf("fault %d of c%d, or %s", kind, i, m.name)
	switch kind {
	case 0:
		c.stop(t, syscall.SIGKILL)
		undo = func() { c.start(t) }
	case 1:
		must(t, c.cmd.Process.Signal(syscall.SIGSTOP))
		undo = func() { must(t, c.cmd.Process.Signal(syscall.SIGCONT)) }
	case 2:
		for _, p := range f.proxies[i] {
			p.Block()
		}
		undo = func() {
			for _, p := range f.proxies[i] {
				p.Unblock()
			}
		}
	case 3:
		m.kill()
		undo = func() { m.start(t) }
	}

	// The other two go on, with another leader if need be.
	other := f.replicas[(i+1)%3]
	eventually(t, "the others go on", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := other.api.Hosts().List(ctx)
		return err
	})
	time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
	undo()
	for _, c := range f.replicas {
		eventually(t, "all are ready", func() error { return c.api.Ready(deadline(t)) })
	}
}
