package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPathsAreTended: a path that works goes on being probed without a step. One that is lost has a
// step follow at once, and so has one that comes back.
func TestPathsAreTended(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	key := pathKey{peerA, "tl-gre"}
	d := k.use(program(func(p *tap.Program) {
		p.Tunnel.Peers = []tap.Peer{{Addr: peerA, Port: "tl-gre", ProbeKey: 7,
			Owners: []string{"cap1"}}}
	}))
	arrives(k, key)
	k.ready(d)

	steps := func() int {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.reports
	}
	change := func(change func(*tunnelPath)) {
		k.paths.mu.Lock()
		change(k.paths.byPeer[key])
		k.paths.mu.Unlock()
		notify(k.tending)
	}

	before := steps()
	for range 3 {
		change(func(p *tunnelPath) { p.next = time.Now() })
		k.await("it is probed again", func() bool { return answerProbe(k, key) })
	}
	assert.Equal(t, before, steps(), "nothing has changed")

	change(func(p *tunnelPath) { p.asked, p.next = time.Now().Add(-2*probeLost), time.Now() })
	k.await("the path is lost", func() bool { return k.last().Owners["cap1"].State == Waiting })
	arrives(k, key)
	k.ready(d)
}
