package fleet

import (
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A physical NIC is known by its name and address, but a switch shows the address of a device only
// while the device is on a bridge. If the name turns out to be another device's, the device leaves
// the tap bridge at once. Whether the name is right again, as after a second reboot, can then only
// be seen by trying. Each try puts the wrong device on the tap bridge for a moment, so the pauses
// grow.
const (
	firstNICRetry = 5 * time.Second
	maxNICRetry   = 5 * time.Minute
)

// NICWait says when the name of a NIC, which turned out to be another device's, is tried again.
type NICWait struct {
	Name  string
	MAC   tap.MAC // of the other device
	Pause time.Duration
}

// noteNICs remembers the addresses of NICs that are on the tap bridge now, and returns those that
// turned out to be other devices.
func (h *Host) noteNICs(now *tap.Host) (wrong []NICWait) {
	for _, port := range now.TapPorts {
		for _, nic := range now.NICs {
			if nic.Name != port.Name || port.MAC.IsZero() {
				continue
			}

			known := h.SeenMAC[nic.Name]
			h.SeenMAC[nic.Name] = port.MAC
			switch {
			case port.MAC == nic.MAC:
				delete(h.nicPauses, nic.Name)
			case port.MAC != known:
				pause := min(max(2*h.nicPauses[nic.Name], firstNICRetry), maxNICRetry)
				h.nicPauses[nic.Name] = pause
				wrong = append(wrong, NICWait{nic.Name, port.MAC, pause})
			}
		}
	}
	return wrong
}

// Retry forgets that a NIC's name was another device's. It is false if the host's NICs were
// declared or seen again meanwhile.
func (h *Host) Retry(w NICWait) bool {
	if h.SeenMAC[w.Name] != w.MAC {
		return false
	}
	delete(h.SeenMAC, w.Name)
	return true
}
