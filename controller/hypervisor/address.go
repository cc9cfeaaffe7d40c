package hypervisor

import (
	"context"
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

	mark := newMark()
	var s script
	for _, d := range domains {
		s.mark(mark, "addresses", d.id)
		s.add("domifaddr", d.id, "--full --source lease")
		s.add("domifaddr", d.id, "--full --source arp")
		if d.agent {
			s.add("domifaddr", d.id, "--full --source agent")
		}
	}

	out, err := v.run(ctx, limit, "", s.end(mark))
	if err != nil {
		return found
	}

	readAddresses(out, mark, domains, found)
	return found
}

// maxAddresses bounds the addresses of a NIC.
const maxAddresses = 64

// readAddresses reads lines such as
//
//	MARK addresses c5140c9c-494a-417e-8839-ec6a365ea1e3
//	 vnet2      52:54:00:aa:00:01    ipv4         10.0.0.5/24
//
// and adds to found the addresses that other machines can use, on NICs that the domain has.
func readAddresses(out string, m mark, domains []domain, found addresses) {
	var current *domain
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 3 && fields[0] == string(m):
			current = findDomain(domains, fields[2])
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
	if local || slices.Contains(found[key], ip) || len(found[key]) >= maxAddresses {
		return
	}

	found[key] = append(found[key], ip)
	slices.SortFunc(found[key], netip.Addr.Compare)
}
