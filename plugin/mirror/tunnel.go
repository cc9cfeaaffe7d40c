package mirror

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/mirror/guard"
	"github.com/tapline-sdn/tapline/plugin/mirror/wirekey"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// encapsulation is how copies travel between two hosts.
type encapsulation struct {
	port     string // name of our tunnel port
	owner    string
	kind     string // Interface:type
	keyWidth uint   // bits of a key
	header   uint32 // octets that it adds to a frame, with an IPv4 header
	udpPort  uint16 // of a tunnel to remote collectors that UDP carries; 0 otherwise
}

// The encapsulations. GRE copies carry the key in the GRE header (RFC 2890), VXLAN copies carry it
// as the VNI (RFC 7348).
var (
	encapGRE   = &encapsulation{"tl-gre", ownerTunnel, "gre", 32, ipv4Header + 8, 0}
	encapVXLAN = &encapsulation{"tl-vxlan", ownerVXLAN, "vxlan", 24, ipv4Header + 8 + 8, 0}
)

// Octets of IP headers (RFC 791, RFC 8200).
const (
	ipv4Header = 20
	ipv6Header = 40
)

// overhead is how many octets the encapsulation adds to a frame on its way to an address.
func (e *encapsulation) overhead(to netip.Addr) uint32 {
	if to.Is6() {
		return e.header - ipv4Header + ipv6Header
	}
	return e.header
}

// tunnelEnd is what the choice of an encapsulation needs to know of a host.
type tunnelEnd struct {
	addr    netip.Addr // zero while unknown
	noGRE   reason     // why there must be no GRE port of ours; zero if there may be one
	noVXLAN reason     // the same for VXLAN
}

func (w *world) newTunnelEnd(h *tap.Host) *tunnelEnd {
	end := &tunnelEnd{addr: h.TunnelIP}
	kernel := slices.ContainsFunc(h.Bridges, func(b tap.Bridge) bool {
		return b.DatapathType == "system"
	})

	for i := range h.ForeignTunnels {
		t := &h.ForeignTunnels[i]
		if guard.CarriesGRE(t) && end.noGRE == (reason{}) {
			end.noGRE = tunnelConflict(h, t)
		}

		port, known := guard.UDPPort(t)
		ours := known && t.Type == "vxlan" && port == w.config.VXLANPort
		if ours && end.noVXLAN == (reason{}) {
			end.noVXLAN = tunnelConflict(h, t)
		}
	}

	switch {
	case end.noGRE != reason{}:
	case h.NoGRE != "":
		end.noGRE = because(tap.CodeGREUnavailable,
			"the switch of host %s cannot receive GRE: %s", h.Name, h.NoGRE)
	case h.TunnelIP.Is6() && kernel:
		// The kernel's gretap device has no metadata mode for IPv6.
		end.noGRE = because(tap.CodeGREUnavailable,
			"the kernel datapath of host %s does not carry GRE over IPv6", h.Name)
	}

	return end
}

// tunnelConflict says that a tunnel port of ours would change what a foreign one receives, or lose
// copies to it: Open vSwitch gives each packet to the most specific port of its type.
func tunnelConflict(h *tap.Host, t *tap.ForeignTunnel) reason {
	return because(tap.CodeTunnelConflict,
		"port %s on bridge %s of host %s is a %s tunnel that is "+
			"not ours, and a %s port of ours would change what it receives",
		t.Name, t.Bridge, h.Name, t.Type, t.Type)
}

// encapsulate chooses the encapsulation between two hosts. Both ends compute the same. If there is
// none, it says why.
func (w *world) encapsulate(a, b *tunnelEnd) (*encapsulation, reason) {
	noGRE, noVXLAN := cmp.Or(a.noGRE, b.noGRE), cmp.Or(a.noVXLAN, b.noVXLAN)
	switch {
	case w.config.Tunnel != TunnelVXLAN && noGRE == reason{}:
		return encapGRE, reason{}
	case w.config.Tunnel == TunnelGRE:
		return nil, noGRE
	case noVXLAN == reason{}:
		return encapVXLAN, reason{}
	}

	return nil, noVXLAN
}

// key returns the tun_id of what a host sends by an encapsulation for the index of a service, or of
// its probes.
func (w *world) key(sender string, encap *encapsulation, index uint32) uint32 {
	return wirekey.Of(w.secret, sender, encap.keyWidth, index)
}
