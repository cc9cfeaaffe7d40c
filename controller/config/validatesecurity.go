package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/controller/access"
)

// settings checks the settings log and destinations.
func (k *checker) settings() {
	c := k.config
	if c.Log.Format != LogText && c.Log.Format != LogJSON {
		k.fail("log.format", "%q is not a format: want %s or %s", c.Log.Format, LogText, LogJSON)
	}
	if e := c.Destinations.Evacuation; e != EvacuationAsk && e != EvacuationAuto {
		k.fail("destinations.evacuation", "%q is not supported: want %s or %s",
			e, EvacuationAsk, EvacuationAuto)
	}
}

// audit checks the audit log's syslog.
func (k *checker) audit() {
	target := k.config.Audit.Syslog
	if target == "" || target == "local" {
		return
	}

	network, address, _ := strings.Cut(target, ":")
	host, port, err := net.SplitHostPort(address)
	if network != "udp" && network != "tcp" || err != nil || host == "" || port == "" {
		k.fail("audit.syslog", "%q is not a syslog: want local, udp:HOST:PORT or tcp:HOST:PORT",
			target)
	}
}

// security checks that traffic which must be protected is, unless the file says that it is meant
// not to be.
func (k *checker) security() {
	c := k.config
	host, _, err := splitListen(c.API.Listen)
	if err == nil && c.API.TLS.IsZero() && !c.API.Insecure && !isLoopback(host) {
		k.fail("api.listen", "%q sends tokens over the network unencrypted: "+
			"want api.tls, an address such as 127.0.0.1:8640, or api.insecure: true", c.API.Listen)
	}

	if c.OVSDB.Listen != "" && c.OVSDB.TLS.IsZero() && !c.OVSDB.Insecure {
		k.fail("ovsdb.listen", "without TLS a host is known by its source address alone: "+
			"want ovsdb.tls, or ovsdb.insecure: true")
	}
}

// isLoopback reports whether a listener at a host can be reached from this machine alone.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (k *checker) origins() {
	seen := map[string]string{}
	for i, origin := range k.config.API.Origins {
		path := fmt.Sprintf("api.origins[%d]", i)
		u, err := url.Parse(origin)
		if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" ||
			origin != u.Scheme+"://"+u.Host {
			k.fail(path, "%q is not a web origin: want one such as https://tapline.example", origin)
			continue
		}
		k.once(seen, path, origin)
	}
}

// roleLimits checks how long tap flows of roles may run.
func (k *checker) roleLimits() {
	roles := k.config.Access.Roles
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		path := document.JoinPath("access.roles", string(role))
		l := roles[role]
		if _, err := access.ParseRole(string(role)); err != nil {
			k.fail(path, "%v", err)
			continue
		}

		switch {
		case role == access.Viewer:
			k.fail(path, "a %s makes no tap flows: want %s or %s", role, access.Operator,
				access.Admin)
		case l.MaxExpiry > 0 && l.DefaultExpiry > l.MaxExpiry:
			k.fail(path+".default_expiry", "%s is longer than max_expiry, which is %s",
				durationText(l.DefaultExpiry), durationText(l.MaxExpiry))
		}
	}
}

func (k *checker) tunnelNetworks() {
	seen := map[string]string{}
	for i, network := range k.config.TunnelNetworks {
		if network.IsValid() {
			k.once(seen, fmt.Sprintf("tunnel_networks[%d]", i), network.String())
		}
	}
}
