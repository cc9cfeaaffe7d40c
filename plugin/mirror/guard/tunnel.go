package guard

import (
	"cmp"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The UDP ports of encapsulations where a tunnel port names none: VXLAN (RFC 7348, 8) and Geneve
// (RFC 8926, 3.3).
const (
	vxlanPort  = 4789
	genevePort = 6081
)

// greTypes are the values of Interface:type that receive IP protocol 47.
var greTypes = []string{"gre", "ip6gre", "erspan", "ip6erspan"}

// CarriesGRE reports whether a tunnel's packets are those of IP protocol 47.
func CarriesGRE(t *tap.ForeignTunnel) bool { return slices.Contains(greTypes, t.Type) }

// UDPPort returns the UDP destination port of a tunnel's packets. It is false for tunnels that do
// not use UDP, and for those whose packets are not known.
func UDPPort(t *tap.ForeignTunnel) (port uint16, known bool) {
	switch t.Type {
	case "vxlan":
		return cmp.Or(t.DstPort, vxlanPort), true
	case "geneve":
		return cmp.Or(t.DstPort, genevePort), true
	}
	return 0, false
}
