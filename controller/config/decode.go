package config

import (
	"fmt"
	"maps"
	"net/netip"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// decode sets the fields of c to the values in a file. The readers spell out the file's schema.
func (c *Config) decode(root document.Value) Errors {
	d := decoder{config: c}
	object(map[string]reader{
		"data_dir": text(&c.DataDir),
		"api": object(map[string]reader{
			"listen": text(&c.API.Listen),
			"tls": c.API.TLS.reader("client_ca", map[string]reader{
				"client_roles": texts(&c.API.ClientRoles),
			}),
		}),
		"openflow": object(map[string]reader{
			"listen":    text(&c.OpenFlow.Listen),
			"advertise": text(&c.OpenFlow.Advertise),
			"tls":       c.OpenFlow.TLS.reader("ca", nil),
		}),
		"ovsdb": object(map[string]reader{
			"listen": text(&c.OVSDB.Listen),
			"tls":    c.OVSDB.TLS.reader("ca", nil),
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

func parseTunnelIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.Addr{}, fmt.Errorf(
			"%q is not an address of a host: want an IP address such as 10.0.0.1", s)
	}
	return ip.Unmap(), nil
}
