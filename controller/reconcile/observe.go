package reconcile

import (
	"cmp"
	"slices"

	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Observable reports whether a snapshot shows something that planning depends on and that an older
// snapshot of the same host did not show: a change of rows that are not ours, or what has become of
// our tunnel ports. Rows that we write on the way, and numbers that a switch counts, are neither.
func Observable(before, now *vswitch.Snapshot, self Self) bool {
	o := observation{before, now, self}
	return slices.ContainsFunc(now.Since(before), o.matters)
}

// observation compares two snapshots of one host.
type observation struct {
	before, now *vswitch.Snapshot
	self        Self
}

func (o observation) matters(c vswitch.Change) bool {
	switch c.Table {
	case vswitch.TableOpenVSwitch:
		return o.system()
	case vswitch.TableBridge:
		return o.bridge(c.UUID)
	case vswitch.TablePort:
		was, stood := o.before.Port(c.UUID)
		is, stands := o.now.Port(c.UUID)
		return !(stood && o.self.owns(was.ExternalIDs) || stands && o.self.owns(is.ExternalIDs))
	case vswitch.TableInterface:
		return o.device(c.UUID)
	case vswitch.TableMirror:
		was, stood := o.before.Mirror(c.UUID)
		is, stands := o.now.Mirror(c.UUID)
		foreign := !(stood && o.self.owns(was.ExternalIDs) || stands && o.self.owns(is.ExternalIDs))
		return foreign && stood != stands // How much it has copied is not of interest.
	}
	return false
}

// system compares the row of the switch itself, but for the numbers of configurations and the
// epoch.
func (o observation) system() bool {
	was, is := o.before.System(), o.now.System()
	if was == nil || is == nil {
		return was != is
	}
	return was.OtherConfig != is.OtherConfig || !epoch.SameBeside(was.ExternalIDs, is.ExternalIDs)
}

// bridge compares a bridge that is not ours. Its ports and mirrors are rows of their own, but one
// that moves from bridge to bridge is seen here alone.
func (o observation) bridge(id vswitch.UUID) bool {
	was, stood := o.before.BridgeByUUID(id)
	is, stands := o.now.BridgeByUUID(id)
	if !stood || !stands {
		return !(stood && o.self.owns(was.ExternalIDs) || stands && o.self.owns(is.ExternalIDs))
	}

	if !o.self.owns(is.ExternalIDs) && (was.DatapathType != is.DatapathType ||
		was.ExternalIDs != is.ExternalIDs || was.OtherConfig != is.OtherConfig) {
		return true
	}

	return slices.ContainsFunc(is.Ports, func(port vswitch.UUID) bool {
		return !selects(was.Ports, port) && o.moved(port)
	})
}

// moved reports whether a port stood on another bridge before.
func (o observation) moved(port vswitch.UUID) bool {
	_, stood := o.before.Port(port)
	return stood
}

// device compares an interface. Of one of ours it matters what the switch made of it, since
// attachments and tunnels depend on that; patch ports are nobody's concern but ours.
func (o observation) device(id vswitch.UUID) bool {
	was, stood := o.before.Interface(id)
	is, stands := o.now.Interface(id)
	if !(stood && o.self.owns(was.ExternalIDs) || stands && o.self.owns(is.ExternalIDs)) {
		return true
	}
	return stands && is.Type != "patch" && is.OFPort != 0 &&
		(!stood || was.OFPort != is.OFPort || was.MACInUse != is.MACInUse || was.Error != is.Error)
}

// UnderlayChanged reports whether a snapshot shows a device, of those that may carry tunnels, with
// another state, address or MTU than an older snapshot of the same host did: then the paths through
// tunnels may be others. NICs of guests, and ports of ours, carry none.
func UnderlayChanged(before, now *vswitch.Snapshot, self Self) bool {
	return slices.ContainsFunc(now.Since(before), func(c vswitch.Change) bool {
		if c.Table != vswitch.TableInterface {
			return false
		}
		was, stood := before.Interface(c.UUID)
		is, stands := now.Interface(c.UUID)
		if !stood || !stands {
			return stood != stands && carriesTunnels(cmp.Or(was, is), self)
		}
		return carriesTunnels(is, self) && (was.LinkState != is.LinkState ||
			was.AdminState != is.AdminState || was.MACInUse != is.MACInUse || was.MTU != is.MTU)
	})
}

func carriesTunnels(i *vswitch.Interface, self Self) bool {
	_, ofGuest := i.ExternalIDs.Lookup("iface-id")
	_, attached := i.ExternalIDs.Lookup("attached-mac")
	return (i.Type == "" || i.Type == "internal" || i.Type == "dpdk") && !ofGuest && !attached &&
		!self.owns(i.ExternalIDs)
}
