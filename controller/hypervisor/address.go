package hypervisor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// nicKey names a NIC of a domain.
type nicKey struct {
	domain string // UUID
	mac    tap.MAC
}

// addresses holds the IP addresses of NICs.
type addresses = map[nicKey][]netip.Addr

// requestAddresses asks for the addresses of the running domains. A request that still waits is
// replaced.
func (w *worker) requestAddresses() {
	w.addressesAskedAt = time.Now()
	running := slices.DeleteFunc(slices.Clone(w.domains), func(d domain) bool { return !d.Running })

	select {
	case <-w.wantAddresses:
	default:
	}
	w.wantAddresses <- running // It has room: only run sends.
}

// answerAddressRequests runs in a goroutine of its own, since a guest agent may be slow.
func (w *worker) answerAddressRequests(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case domains := <-w.wantAddresses:
			found := w.virsh.addresses(ctx, w.config.Timing.Read, domains)
			select {
			case <-w.addresses:
			default:
			}
			w.addresses <- found // It has room: only this goroutine sends.
		}
	}
}

// addresses asks libvirt for IP addresses from three sources: libvirt's own DHCP leases, the host's
// neighbour table, and the guest agent where one is connected. Few hosts have all three, so errors
// are ignored.
func (v virsh) addresses(ctx context.Context, limit time.Duration, domains []domain) addresses {
	found := addresses{}
	if len(domains) == 0 {
		return found
	}

	var script strings.Builder
	for _, d := range domains {
		fmt.Fprintf(&script, "echo domain %s; ", d.ID)
		fmt.Fprintf(&script, "domifaddr %s --full --source lease; ", d.ID)
		fmt.Fprintf(&script, "domifaddr %s --full --source arp; ", d.ID)
		if d.agent {
			fmt.Fprintf(&script, "domifaddr %s --full --source agent; ", d.ID)
		}
	}
	script.WriteString("echo end")

	out, err := v.run(ctx, limit, "", script.String())
	if err != nil {
		return found
	}
	readAddresses(out, domains, found)
	return found
}

// readAddresses reads lines such as
//
//	domain c5140c9c-494a-417e-8839-ec6a365ea1e3
//	 vnet2      52:54:00:aa:00:01    ipv4         10.0.0.5/24
//
// and adds to found the addresses that other machines can use, on NICs that the domain has.
func readAddresses(out string, domains []domain, found addresses) {
	var current *domain
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "domain":
			current = findDomain(domains, fields[1])
		case len(fields) == 4 && current != nil:
			readAddress(current, fields[1], fields[3], found)
		}
	}
}

// readAddress adds one address of a domain's NIC, unless it is malformed, local or known already.
func readAddress(d *domain, macText, prefixText string, found addresses) {
	mac, err := tap.ParseMAC(macText)
	if err != nil || !slices.ContainsFunc(d.NICs, func(n GuestNIC) bool { return n.MAC == mac }) {
		return
	}
	prefix, err := netip.ParsePrefix(prefixText)
	if err != nil {
		return
	}

	ip, key := prefix.Addr().Unmap(), nicKey{d.ID, mac}
	local := ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	if local || slices.Contains(found[key], ip) {
		return
	}
	found[key] = append(found[key], ip)
	slices.SortFunc(found[key], netip.Addr.Compare)
}
