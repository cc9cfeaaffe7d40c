package session

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// renamed makes the program's capture another one, with ports of its own.
func renamed(p *tap.Program) {
	for i := range p.Ports[:2] {
		port := &p.Ports[i]
		port.Owner, port.Name = "cap2", strings.Replace(port.Name, "-1", "-2", 1)
		port.Options = map[string]string{
			"peer": strings.Replace(port.Options["peer"], "-1", "-2", 1),
		}
	}
	p.Ports[1].OFPortRequest = 4099
	p.Mirrors[0].Owner, p.Mirrors[0].Name, p.Mirrors[0].Output = "cap2", "tl-2", "tlm-2"
	for i := range p.Flows {
		p.Flows[i].Owner, p.Flows[i].Mod.Cookie = "cap2", 0x7461<<48|2
	}
	p.Flows[0].Mod.Match = oxm.Match{oxm.InPort(4099)}
	p.Flows[1].Mod.Match = oxm.Match{oxm.Metadata(2)}
}

// TestHandover: a capture takes over from another one, step by step and soon.
func TestHandover(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program()))

	began := time.Now()
	k.ready(k.use(program(renamed)))
	assert.Less(t, time.Since(began), handoverTime, "no step waited for its time to be up")
	mirrors := vsctl(t, h, "--bare --columns=name list Mirror")
	assert.Equal(t, "tl-2", strings.TrimSpace(mirrors))
	ports := vsctl(t, h, "list-ports br0") + vsctl(t, h, "list-ports "+tapBridge)
	assert.NotContains(t, ports, "-1")
	flows := ofctl(t, h, "dump-flows", tapBridge)
	assert.NotContains(t, flows, "in_port=4097")
	assert.Contains(t, flows, "in_port=4099")
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)
}

// TestStages: a handover takes its stages one after the other, gives up when its time is over, and
// begins anew where the program changes meanwhile.
func TestStages(t *testing.T) {
	first, err := reconcile.NewDesired(program(), tapBridge)
	require.NoError(t, err)
	second, err := reconcile.NewDesired(program(renamed), tapBridge)
	require.NoError(t, err)
	now := time.Now()

	var h handover
	assert.Same(t, first, h.stage(first, tapBridge, now), "nothing stood before")
	assert.False(t, h.underWay())

	prepared := h.stage(second, tapBridge, now)
	require.True(t, h.underWay())
	assert.Len(t, prepared.Program.Flows, 4)
	assert.Equal(t, "tl-1", prepared.Program.Mirrors[0].Name)
	assert.Same(t, prepared, h.stage(second, tapBridge, now))

	h.advance()
	swapped := h.stage(second, tapBridge, now)
	assert.Equal(t, "tl-2", swapped.Program.Mirrors[0].Name)
	assert.Same(t, second, h.stage(second, tapBridge, now.Add(handoverTime)))
	assert.False(t, h.underWay())

	h.stage(first, tapBridge, now)
	require.True(t, h.underWay())
	assert.Same(t, second, h.stage(second, tapBridge, now), "the mirrors had not changed yet")
}
