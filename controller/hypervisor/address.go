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

// addresses are those of NICs.
type addresses = map[nicKey][]netip.Addr

// requestAddresses asks for the addresses of the running domains. An older request that waits is replaced.
func (w *worker) requestAddresses() {
	w.asked = time.Now()
	running := slices.DeleteFunc(slices.Clone(w.domains), func(d domain) bool { return !d.Running })
	select {
	case <-w.wantAddresses:
	default:
	}
	w.wantAddresses <- running // It has room: only run sends.
}

// askAddresses answers requests apart from the rest, since a guest agent may take its time.
func (w *worker) askAddresses(ctx context.Context) {
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

// addresses asks what libvirt knows of addresses: its own DHCP leases, what the host's neighbour table says, and what the guest
// agent tells where one answers. Not all of them are there on each host, so errors are no news.
func (v virsh) addresses(ctx context.Context, limit time.Duration, domains []domain) addresses {
	found := addresses{}
	var script strings.Builder
	for _, d := range domains {
		fmt.Fprintf(&script, "echo domain %[1]s; domifaddr %[1]s --full --source lease; domifaddr %[1]s --full --source arp; ", d.ID)
		if d.agent {
			fmt.Fprintf(&script, "domifaddr %s --full --source agent; ", d.ID)
		}
	}
	if script.Len() == 0 {
		return found
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
// Only addresses that other machines may use count, on NICs that the domain has.
func readAddresses(out string, domains []domain, found addresses) {
	var at *domain
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "domain":
			at = domainOf(domains, fields[1])
		case len(fields) == 4 && at != nil:
			mac, err := tap.ParseMAC(fields[1])
			prefix, errIP := netip.ParsePrefix(fields[3])
			if err != nil || errIP != nil || !slices.ContainsFunc(at.NICs, func(n GuestNIC) bool { return n.MAC == mac }) {
				continue
			}
			ip, key := prefix.Addr().Unmap(), nicKey{at.ID, mac}
			if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || slices.Contains(found[key], ip) {
				continue
			}
			found[key] = append(found[key], ip)
			slices.SortFunc(found[key], netip.Addr.Compare)
		}
	}
}
