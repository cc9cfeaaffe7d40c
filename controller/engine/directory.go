package engine

import (
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
)

// directory tells [inventory.Places] of hosts. The engine's mu guards it.
type directory struct {
	intent  *intent.Intent
	running hosts
}

var _ inventory.Hosts = directory{}

// HostName implements [inventory.Hosts].
func (d directory) HostName(id string) string { return d.intent.HostName(id) }

// Connected implements [inventory.Hosts].
func (d directory) Connected(id string) bool {
	h := d.running[id]
	return h != nil && h.Report.Connected
}
