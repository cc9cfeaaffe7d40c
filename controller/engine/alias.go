package engine

import (
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
)

// Former names of types that moved to view, events, explain and inventory.
type (
	Error            = view.Error
	ErrorKind        = view.ErrorKind
	Health           = view.Health
	HostView         = view.Host
	GuestView        = view.Guest
	NICView          = view.NIC
	WireView         = view.Wire
	WireHost         = view.WireHost
	ServiceView      = view.Service
	FlowView         = view.Flow
	FlowRow          = view.FlowRow
	PluginView       = view.Plugin
	Counts           = view.Counts
	ServiceCounters  = view.ServiceCounters
	Event            = events.Event
	History          = events.History
	Watch            = events.Watch
	Explanation      = explain.Explanation
	SwitchView       = explain.Switch
	RowView          = explain.Row
	Hop              = explain.Hop
	Check            = explain.Check
	Connection       = explain.Connection
	SwitchFlow       = explain.SwitchFlow
	Sources          = inventory.Sources
	Keys             = inventory.Keys
	Creation         = intent.Creation
	Forecast         = forecast.Forecast
	HostForecast     = forecast.Host
	ForecastItem     = forecast.Item
	ResourceForecast = forecast.Resource
)

// Former names of constants, errors and functions.
const (
	Invalid     = view.Invalid
	NotFound    = view.NotFound
	Conflict    = view.Conflict
	Stale       = view.Stale
	Unavailable = view.Unavailable
	RowStands   = explain.RowStands
	RowMissing  = explain.RowMissing
)

var (
	ErrLost     = events.ErrLost
	ErrStopped  = events.ErrStopped
	NewHistory  = events.New
	DefaultKeys = inventory.DefaultKeys
)
