package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// PortTrouble says for each owner of a program what keeps a port of it from working: failed if the
// switch gave up on it, waiting if it has not come to it yet.
func PortTrouble(snap *vswitch.Snapshot, d *Desired) (failed, waiting map[string]string) {
	failed, waiting = map[string]string{}, map[string]string{}
	if snap.AllOpen() {
		return failed, waiting
	}

	for i := range d.Program.Ports {
		p := &d.Program.Ports[i]
		row, stands := snap.PortOnBridge(p.Bridge, p.Name)
		if !stands {
			continue // Told by Diff.
		}

		for device := range snap.EachInterface(row) {
			switch {
			case device.Error != "":
				failed[p.Owner] = fmt.Sprintf("the switch says of port %s: %s%s", p.Name,
					device.Error, rivals(snap, d, device))
			case device.OFPort < 0:
				failed[p.Owner] = fmt.Sprintf("the switch could not open port %s; see its log",
					p.Name)
			case device.OFPort == 0:
				waiting[p.Owner] = fmt.Sprintf("the switch has not opened port %s yet", p.Name)
			}
		}
	}

	return failed, waiting
}

// rivals names the tunnel ports of the same type that are not ours, beside one of ours that the
// switch does not open; "" if there are none. Two ports that differ in nothing that the switch can
// tell packets apart by cannot stand together, and the second is refused.
func rivals(snap *vswitch.Snapshot, d *Desired, ours *vswitch.Interface) string {
	if !isTunnel(ours.Type) {
		return ""
	}

	var names []string
	for _, bridge := range snap.Bridges() {
		if bridge.Name == d.Program.Bridge.Name {
			continue
		}
		for port := range snap.EachPort(bridge) {
			for device := range snap.EachInterface(port) {
				if device.Type == ours.Type {
					names = append(names, fmt.Sprintf("%s on bridge %s", port.Name, bridge.Name))
				}
			}
		}
	}
	if names == nil {
		return ""
	}
	slices.Sort(names)
	return fmt.Sprintf("; tunnels of type %s that are not ours: %s", ours.Type,
		strings.Join(names, ", "))
}

// statsInterval is how often Open vSwitch writes statistics of mirrors, unless
// other_config:stats-update-interval says otherwise (ovs-vswitchd.conf.db(5)).
const statsInterval = 5 * time.Second

// MirrorWatch remembers since when mirrors stand, to notice those that the switch does not install:
// it logs that, and leaves their statistics empty. The zero value is ready for use.
type MirrorWatch struct {
	since map[vswitch.UUID]time.Time
}

// Check returns the owners of mirrors that should have statistics by now and have none, and when to
// look again (zero if there is no need).
func (w *MirrorWatch) Check(snap *vswitch.Snapshot, d *Desired,
	now time.Time) (failed map[string]string, again time.Time) {
	failed = map[string]string{}
	seen := map[vswitch.UUID]time.Time{}
	patience := 2*statsInterval + 2*time.Second
	if s := snap.System(); s != nil {
		if ms, err := time.ParseDuration(s.OtherConfig.Get("stats-update-interval") +
			"ms"); err == nil && ms > statsInterval {
			patience += 2 * (ms - statsInterval)
		}
	}

	for _, bridge := range snap.Bridges() {
		for row := range snap.EachMirror(bridge) {
			m := d.mirrors[portKey{bridge.Name, row.Name}]
			if m == nil || row.ExternalIDs.Get(IDKey) != m.Owner || len(row.Statistics) > 0 {
				continue
			}

			since, known := w.since[row.UUID]
			if !known {
				since = now
			}

			seen[row.UUID] = since
			if due := since.Add(patience); now.Before(due) {
				if again.IsZero() || due.Before(again) {
					again = due
				}
			} else {
				failed[m.Owner] = fmt.Sprintf("the switch has not installed mirror %s; see its log",
					m.Name)
			}
		}
	}

	w.since = seen
	return failed, again
}
