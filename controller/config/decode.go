package config

import (
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// decode sets the fields of c to the values in a file. The readers spell out the file's schema.
func (c *Config) decode(root document.Value) Errors {
	d := decoder{config: c}
	object(map[string]reader{
		"data_dir": text(&c.DataDir),
		"store":    object(map[string]reader{"driver": text(&c.Store.Driver)}),
		"log": object(map[string]reader{
			"level":  parsed(&c.Log.Level, parseLevel),
			"format": text(&c.Log.Format),
		}),
		"audit": object(map[string]reader{
			"reads":     boolean(&c.Audit.Reads),
			"retention": parsed(&c.Audit.Retention, parseDuration),
			"syslog":    text(&c.Audit.Syslog),
		}),
		"api": object(map[string]reader{
			"listen":         text(&c.API.Listen),
			"origins":        list(&c.API.Origins, text),
			"token_lifetime": parsed(&c.API.TokenLifetime, parseDuration),
			"insecure":       boolean(&c.API.Insecure),
			"tls": c.API.TLS.reader("client_ca", map[string]reader{
				"client_roles": texts(&c.API.ClientRoles),
			}),
		}),
		"openflow": object(map[string]reader{
			"listen":    text(&c.OpenFlow.Listen),
			"advertise": text(&c.OpenFlow.Advertise),
			"insecure":  boolean(&c.OpenFlow.Insecure),
			"tls":       c.OpenFlow.TLS.reader("ca", nil),
		}),
		"ovsdb": object(map[string]reader{
			"listen":   text(&c.OVSDB.Listen),
			"tls":      c.OVSDB.TLS.reader("ca", nil),
			"insecure": boolean(&c.OVSDB.Insecure),
		}),
		"plugins": list(&c.Plugins, (*Plugin).reader),
		"hypervisor": object(map[string]reader{
			"driver": text(&c.Hypervisor.Driver),
			"uri":    text(&c.Hypervisor.URI),
			"hosts":  texts(&c.Hypervisor.Hosts),
		}),
		"inventory": object(map[string]reader{
			"mac_keys":   list(&c.Inventory.MACKeys, text),
			"guest_keys": list(&c.Inventory.GuestKeys, text),
			"iface_keys": list(&c.Inventory.IfaceKeys, text),
			"ip_keys":    list(&c.Inventory.IPKeys, text),
		}),
		"tunnel_networks": list(&c.TunnelNetworks, prefix),
		"destinations": object(map[string]reader{
			"evacuation": text(&c.Destinations.Evacuation),
		}),
		"hosts": list(&c.Hosts, (*Host).reader),
	})(&d, "", root)
	return d.errs
}

// reader reads a mapping tls. Its key of the authorities is ca, and more are keys that only some
// mappings tls have.
func (t *TLS) reader(ca string, more map[string]reader) reader {
	fields := map[string]reader{"cert": text(&t.Cert), "key": text(&t.Key), ca: text(&t.CA)}
	maps.Copy(fields, more)
	read := object(fields)

	return func(d *decoder, path string, v document.Value) {
		if v.Kind == document.Object && len(v.Fields) == 0 {
			// Whoever wrote an empty mapping does not expect plain TCP.
			d.fail(path, "it is empty: want cert and key, or no tls at all")
		}
		read(d, path, v)
	}
}

func (p *Plugin) reader() reader {
	return object(map[string]reader{
		"name":   text(&p.Name),
		"path":   text(&p.Path),
		"sha256": text(&p.SHA256),
		"config": raw(&p.Config),
	})
}

func (h *Host) reader() reader {
	return object(map[string]reader{
		"name":      text(&h.Name),
		"ovsdb":     text(&h.OVSDB),
		"tunnel_ip": parsed(&h.TunnelIP, parseTunnelIP),
		"wires":     texts(&h.Wires),
		"nics":      list(&h.NICs, (*NIC).reader),
	})
}

func (n *NIC) reader() reader {
	return object(map[string]reader{
		"name": text(&n.Name),
		"mac":  parsed(&n.MAC, tap.ParseMAC),
	})
}

func prefix(to *netip.Prefix) reader { return parsed(to, parsePrefix) }

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is not a network: want one such as 10.1.0.0/16", s)
	}
	return p, nil
}

func parseLevel(s string) (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(s)); err != nil {
		return 0, fmt.Errorf("%q is not a level: want debug, info, warn or error", s)
	}
	return level, nil
}

const day = 24 * time.Hour

// parseDuration parses a Go duration, or a number of days such as 90d.
func parseDuration(s string) (time.Duration, error) {
	var d time.Duration
	days, isDays := strings.CutSuffix(s, "d")
	if isDays {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, wrongDuration(s)
		}
		d = time.Duration(n) * day
	} else {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			return 0, wrongDuration(s)
		}
	}
	if d < 0 {
		return 0, wrongDuration(s)
	}
	return d, nil
}

func wrongDuration(s string) error {
	return fmt.Errorf("%q is not a duration: want one such as 90d or 12h, or 0s for no limit", s)
}

func parseTunnelIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.Addr{}, fmt.Errorf(
			"%q is not an address of a host: want an IP address such as 10.0.0.1", s)
	}
	return ip.Unmap(), nil
}
