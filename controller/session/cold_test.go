package session

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// nextCfg is how many transactions the switch was told to apply.
func nextCfg(k *kept) int64 { return k.last().Snapshot.System().NextCfg }

// remote makes the capture of a program go through the tunnel.
func remote(p *tap.Program) {
	p.Tunnel.Peers = []tap.Peer{{Addr: peerA, Port: "tl-gre", ProbeKey: 7,
		Owners: []string{"cap1"}}}
}

// TestColdHost: everything of a host on which nothing stands is made by one transaction, but what
// goes through the tunnel is not delivered before its way has been probed.
func TestColdHost(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.await("a report", func() bool { return k.last().Connected })
	before := nextCfg(k)
	d := k.use(program(remote))
	k.await("it waits for the probe", func() bool {
		owners := k.last().Owners
		return owners["tunnel"].State == Ready && owners["cap1"].State == Waiting &&
			owners["cap1"].Reason == "no probe from its tunnel arrives at 192.0.2.1"
	})

	standing(t, k)
	assert.Equal(t, before+1, nextCfg(k))
	flows := ofctl(t, h, "dump-flows", tapBridge)
	assert.Contains(t, flows, "dl_type=0x88b5", "the probe flow")
	assert.NotContains(t, flows, "in_port=4097", "what nobody has probed")
	k.paths.mu.Lock()
	nonce := k.paths.byPeer[pathKey{peerA, "tl-gre"}].nonce
	k.paths.mu.Unlock()
	k.ProbeArrived(nonce + 1)
	k.ProbeArrived(nonce)
	k.await("it waits for the size of the path", func() bool {
		return strings.Contains(k.last().Owners["cap1"].Reason, "192.0.2.1 is being measured")
	})
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097", "of unknown size")
	fullFramePasses(k, pathKey{peerA, "tl-gre"})
	k.ready(d)
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097")
	assert.Equal(t, before+1, nextCfg(k))
}

// fullFramePasses answers the probe of full size that follows the first answer of a path.
func fullFramePasses(k *kept, key pathKey) {
	k.await("the size of the path is probed", func() bool {
		k.paths.mu.Lock()
		search := k.paths.byPeer[key].size
		k.paths.mu.Unlock()
		if search.size > 0 {
			k.ProbeArrived(search.nonce)
		}
		return search.size > 0
	})
}

// TestCaptureWithoutFlows: where the tap bridge stands already, a capture of which it is not known
// yet where it goes waits for that.
func TestCaptureWithoutFlows(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program(withoutCapture)))
	k.use(program(func(p *tap.Program) { p.Flows = nil }))
	k.await("it waits", func() bool { return k.last().Owners["cap1"].State == Busy })
	assert.Empty(t, vsctl(t, h, "list Mirror"))
	k.ready(k.use(program()))
	standing(t, k)
}
