package engine

import (
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A physical NIC is known by its name and address, but a switch shows the address of a device only
// while the device is on a bridge. If the name turns out to be another device's, the device leaves the
// tap bridge at once. Whether the name is right again, as after a second reboot, can then only be seen
// by trying. Each try puts the wrong device on the tap bridge for a moment, so the pauses grow.
const (
	firstNICRetry = 5 * time.Second
	maxNICRetry   = 5 * time.Minute
)

// noteNICsLocked remembers the addresses of NICs that are on the tap bridge now. The caller holds mu.
func (e *Engine) noteNICsLocked(h *host, now *tap.Host) {
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
				e.retryNICLocked(h, nic.Name, port.MAC)
			}
		}
	}
}

// retryNICLocked forgets after a pause that a NIC's name was another device's. The caller holds mu.
func (e *Engine) retryNICLocked(h *host, name string, wrong tap.MAC) {
	pause := min(max(2*h.nicPauses[name], firstNICRetry), maxNICRetry)
	h.nicPauses[name] = pause

	time.AfterFunc(pause, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.hosts[h.ID] != h || h.SeenMAC[name] != wrong {
			return // The host is gone, or its NICs were declared or seen again.
		}
		delete(h.SeenMAC, name)
		e.planning.MarkHost(h.ID)
	})
}
