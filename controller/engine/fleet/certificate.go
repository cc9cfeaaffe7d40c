package fleet

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Certified reports whether a certificate names a host, by the host's name or by one of its
// addresses. A certificate that names only another host is an error, so that no host can pass for
// another. One that names no host is accepted without being the host's own, since certificates are
// also issued for roles.
func (f *Fleet) Certified(id string, shown *x509.Certificate) (own bool, err error) {
	names, addrs := subjects(shown)
	other := ""
	for _, h := range f.intent.Hosts.ByID {
		if !namedBy(h, names, addrs) {
			continue
		}
		if h.ID == id {
			return true, nil
		}
		other = h.Name
	}

	if other != "" {
		return false, fmt.Errorf("certificate %q is that of host %s: want one that names host %s",
			shown.Subject.CommonName, other, f.intent.HostName(id))
	}

	return false, nil
}

// subjects are the names and addresses in a certificate. ovs-pki(8) adds an id to the name that it
// is given.
func subjects(shown *x509.Certificate) (names []string, addrs []netip.Addr) {
	for _, name := range append([]string{shown.Subject.CommonName}, shown.DNSNames...) {
		name, _, _ = strings.Cut(name, " id:")
		names = append(names, name)
		if addr, err := netip.ParseAddr(name); err == nil {
			addrs = append(addrs, addr.Unmap())
		}
	}

	for _, ip := range shown.IPAddresses {
		if addr, ok := netip.AddrFromSlice(net.IP(ip)); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}

	return names, addrs
}

func namedBy(h *store.Host, names []string, addrs []netip.Addr) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, h.Name) || name == h.ID
	}) ||
		slices.ContainsFunc(addrs, func(a netip.Addr) bool {
			return a == targetAddr(h.OVSDB) || a == h.TunnelIP
		})
}
