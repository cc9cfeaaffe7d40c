package present

import (
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
)

// Presenter makes views, scenes and outlooks.
type Presenter struct {
	intent   *intent.Intent
	fleet    *fleet.Fleet
	places   *inventory.Places
	standing *standing.Table
	book     *meter.Book
	plugged  bool // hypervisors plug the tap NICs of guests
}

// New returns a presenter of what others keep. With plugged, hypervisors plug the tap NICs of
// guests.
func New(in *intent.Intent, hosts *fleet.Fleet, table *standing.Table, book *meter.Book,
	plugged bool) *Presenter {
	return &Presenter{intent: in, fleet: hosts, places: hosts.Places, standing: table, book: book,
		plugged: plugged}
}
