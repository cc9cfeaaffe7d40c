package session

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPeerMoves: when the far end of a capture has another address, copies go the old way until the
// new one has been probed; other changes do not wait for a path.
func TestPeerMoves(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	to := func(peer string) func(*tap.Program) {
		return func(p *tap.Program) {
			addr := peerA
			if peer == "b" {
				addr = peerB
			}
			p.Tunnel.Peers = []tap.Peer{{Addr: addr, Port: "tl-gre", ProbeKey: 7,
				Owners: []string{"cap1"}}}
			p.Flows[1].Mod.Instructions = []action.Instruction{action.ApplyActions{
				action.SetField{Field: oxm.TunDst(addr)}, action.Output{Port: 4098},
			}}
		}
	}

	arrive := func(key pathKey) { arrives(k, key) }
	delivers := func() string { return ofctl(t, h, "dump-flows", tapBridge, "table=3") }

	d := k.use(program(to("a")))
	arrive(pathKey{peerA, "tl-gre"})
	k.ready(d)
	assert.Contains(t, delivers(), "192.0.2.1")

	moved := k.use(program(to("b")))
	k.await("it waits for the path", func() bool {
		r := k.last()
		return r.Program == moved && r.Owners["cap1"].State == Waiting
	})

	assert.Contains(t, delivers(), "192.0.2.1", "copies go the old way")
	narrowed := k.use(program(to("a"), func(p *tap.Program) { p.Flows[1].Mod.Priority = 7 }))
	k.ready(narrowed)
	assert.Contains(t, delivers(), "priority=7", "another change of a path that works")

	// In another encapsulation they leave the old one at once, though no probe has passed the new
	// one: a tunnel that is not ours may take them.
	wrapped := k.use(program(to("a"), func(p *tap.Program) {
		p.Ports = append(p.Ports, tap.Port{Owner: "tunnel-vxlan", Bridge: tapBridge,
			Name: "tl-vxlan", Type: "vxlan", OFPortRequest: 4099,
			Options: map[string]string{"remote_ip": "flow", "key": "flow", "dst_port": "24789"}})
		p.Tunnel.Ports = append(p.Tunnel.Ports, "tl-vxlan")
		p.Tunnel.Peers[0].Port = "tl-vxlan"
		p.Flows[1].Mod.Instructions = []action.Instruction{action.ApplyActions{
			action.SetField{Field: oxm.TunDst(peerA)}, action.Output{Port: 4099},
		}}
	}))
	k.await("copies leave the tunnel", func() bool {
		return k.last().Program == wrapped && strings.Contains(delivers(), "output:4099")
	})
	assert.Equal(t, Waiting, k.last().Owners["cap1"].State)
	k.ready(k.use(program(to("a"))))

	moved = k.use(program(to("b")))
	arrive(pathKey{peerB, "tl-gre"})
	k.ready(moved)
	assert.Contains(t, delivers(), "192.0.2.2")
	assert.NotContains(t, delivers(), "192.0.2.1")
}

// arrives answers the probes of a path: a small one, and one of full size.
func arrives(k *kept, key pathKey) {
	k.await("the path is probed", func() bool { return answerProbe(k, key) })
	fullFramePasses(k, key)
}

// answerProbe answers the small probe of a path that is under way, if there is one.
func answerProbe(k *kept, key pathKey) bool {
	k.paths.mu.Lock()
	path := k.paths.byPeer[key]
	var nonce uint64
	asked := path != nil && !path.asked.IsZero()
	if asked {
		nonce = path.nonce
	}
	k.paths.mu.Unlock()

	if asked {
		k.ProbeArrived(nonce)
	}
	return asked
}
