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
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// decode sets the fields of c to the values in a file. The readers spell out the file's schema.
func (c *Config) decode(root document.Value) Errors {
	d := decoder{config: c}
	object(map[string]reader{
		"data_dir":        text(&c.DataDir),
		"store":           c.Store.reader(),
		"replica":         c.Replica.reader(),
		"log":             c.Log.reader(),
		"audit":           c.Audit.reader(),
		"api":             c.API.reader(),
		"access":          object(map[string]reader{"roles": mapping(&c.Access.Roles, limits)}),
		"openflow":        c.OpenFlow.reader(),
		"ovsdb":           c.OVSDB.reader(),
		"plugins":         list(&c.Plugins, (*Plugin).reader),
		"hypervisor":      c.Hypervisor.reader(),
		"inventory":       c.Inventory.reader(),
		"tunnel_networks": list(&c.TunnelNetworks, prefix),
		"destinations": object(map[string]reader{
			"evacuation": text(&c.Destinations.Evacuation),
		}),
		"hosts": list(&c.Hosts, (*Host).reader),
	})(&d, "", root)

	return d.errs
}

func (s *Store) reader() reader {
	return object(map[string]reader{
		"driver":        text(&s.Driver),
		"endpoints":     list(&s.Endpoints, text),
		"prefix":        text(&s.Prefix),
		"tls":           s.TLS.reader("ca", nil),
		"username":      text(&s.Username),
		"password_file": text(&s.PasswordFile),
		"insecure":      boolean(&s.Insecure),
	})
}

// reader reads the mapping replica, which need not be there.
func (r *Replica) reader() reader {
	read := object(map[string]reader{
		"name":  text(&r.Name),
		"url":   text(&r.URL),
		"lease": parsed(&r.Lease, parseDuration),
		"ca":    text(&r.CA),
	})

	return func(d *decoder, path string, v document.Value) {
		if v.Kind == document.Object {
			r.Lease = defaultLease
		}
		read(d, path, v)
	}
}

func (l *Log) reader() reader {
	return object(map[string]reader{
		"level":  parsed(&l.Level, parseLevel),
		"format": text(&l.Format),
	})
}

func (a *Audit) reader() reader {
	return object(map[string]reader{
		"reads":     boolean(&a.Reads),
		"retention": parsed(&a.Retention, parseDuration),
		"syslog":    text(&a.Syslog),
	})
}

func (a *API) reader() reader {
	return object(map[string]reader{
		"listen":         text(&a.Listen),
		"origins":        list(&a.Origins, text),
		"token_lifetime": parsed(&a.TokenLifetime, parseDuration),
		"insecure":       boolean(&a.Insecure),
		"tls": a.TLS.reader("client_ca", map[string]reader{
			"client_roles": texts(&a.ClientRoles),
		}),
	})
}

func limits(l *access.Limits) reader {
	return object(map[string]reader{
		"default_expiry": parsed(&l.DefaultExpiry, parseDuration),
		"max_expiry":     parsed(&l.MaxExpiry, parseDuration),
	})
}

func (o *OpenFlow) reader() reader {
	return object(map[string]reader{
		"listen":    text(&o.Listen),
		"advertise": text(&o.Advertise),
		"insecure":  boolean(&o.Insecure),
		"tls":       o.TLS.reader("ca", nil),
	})
}

func (o *OVSDB) reader() reader {
	return object(map[string]reader{
		"listen":   text(&o.Listen),
		"insecure": boolean(&o.Insecure),
		"tls":      o.TLS.reader("ca", nil),
	})
}

func (h *Hypervisor) reader() reader {
	return object(map[string]reader{
		"driver": text(&h.Driver),
		"uri":    text(&h.URI),
		"hosts":  texts(&h.Hosts),
	})
}

func (i *Inventory) reader() reader {
	return object(map[string]reader{
		"mac_keys":   list(&i.MACKeys, text),
		"guest_keys": list(&i.GuestKeys, text),
		"iface_keys": list(&i.IfaceKeys, text),
		"ip_keys":    list(&i.IPKeys, text),
		"label_keys": list(&i.LabelKeys, text),
	})
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
