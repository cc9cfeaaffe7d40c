package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// reader takes the value at a path into the field that it was made for. The functions below make readers; together they
// spell out the file's schema.
type reader func(d *decoder, path string, v document.Value)

// decoder collects what readers find wrong.
type decoder struct {
	config *Config
	errs   Errors
}

func (d *decoder) fail(path, format string, args ...any) {
	d.errs = append(d.errs, d.config.Error(path, format, args...))
}

// decode takes the values of a file into c.
func (c *Config) decode(root document.Value) Errors {
	d := decoder{config: c}
	object(map[string]reader{
		"data_dir": text(&c.DataDir),
		"api": object(map[string]reader{
			"listen": text(&c.API.Listen),
			"tls":    c.API.TLS.reader("client_ca", map[string]reader{"client_roles": texts(&c.API.ClientRoles)}),
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

// reader reads tls; ca is the key of the authorities, and more are keys that only one tls has.
func (t *TLS) reader(ca string, more map[string]reader) reader {
	fields := map[string]reader{"cert": text(&t.Cert), "key": text(&t.Key), ca: text(&t.CA)}
	maps.Copy(fields, more)
	read := object(fields)
	return func(d *decoder, path string, v document.Value) {
		if v.Kind == document.Object && len(v.Fields) == 0 {
			d.fail(path, "it is empty: want cert and key, or no tls at all") // who wrote it does not expect plain text
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
	return object(map[string]reader{"name": text(&n.Name), "mac": parsed(&n.MAC, tap.ParseMAC)})
}

func parseTunnelIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%q is not an address of a host: want an IP address such as 10.0.0.1", s)
	}
	return ip.Unmap(), nil
}

// object reads a mapping whose keys are known.
func object(fields map[string]reader) reader {
	names := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.Object, " with the keys "+names) {
			return
		}
		for _, f := range v.Fields {
			fieldPath := document.JoinPath(path, f.Name)
			if read, ok := fields[f.Name]; ok {
				read(d, fieldPath, f.Value)
			} else {
				d.fail(fieldPath, "there is no such key: want one of %s", names)
			}
		}
	}
}

// list reads a list; it replaces the default.
func list[T any](to *[]T, element func(*T) reader) reader {
	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.List, "") {
			return
		}
		*to = make([]T, len(v.Items))
		for i, item := range v.Items {
			element(&(*to)[i])(d, fmt.Sprintf("%s[%d]", path, i), item)
		}
	}
}

func text[T ~string](to *T) reader {
	return func(d *decoder, path string, v document.Value) {
		if (v.Kind == document.Number || v.Kind == document.Bool) && v.Text != "" {
			d.fail(path, "%s is %s: want text, so write it in quotes", v.Text, v.Kind)
			return
		}
		if expect(d, path, v, document.Text, "") {
			*to = T(v.Text)
		}
	}
}

// texts reads a mapping from any name to text.
func texts[T ~string](to *map[string]T) reader {
	return func(d *decoder, path string, v document.Value) {
		if !expect(d, path, v, document.Object, "") {
			return
		}
		*to = make(map[string]T, len(v.Fields))
		for _, f := range v.Fields {
			var s T
			text(&s)(d, document.JoinPath(path, f.Name), f.Value)
			(*to)[f.Name] = s
		}
	}
}

// parsed reads text that has a form.
func parsed[T any](to *T, parse func(string) (T, error)) reader {
	return func(d *decoder, path string, v document.Value) {
		var s string
		before := len(d.errs)
		text(&s)(d, path, v)
		if v.Kind == document.Null || len(d.errs) > before {
			return
		}
		parsed, err := parse(s)
		if err != nil {
			d.fail(path, "%v", err)
			return
		}
		*to = parsed
	}
}

// raw reads a mapping of any content as JSON.
func raw(to *json.RawMessage) reader {
	return func(d *decoder, path string, v document.Value) {
		if expect(d, path, v, document.Object, "") {
			*to = v.JSON()
		}
	}
}

// expect reports whether there is a value of a kind. Nothing at all keeps the default, and is no error.
func expect(d *decoder, path string, v document.Value, want document.Kind, more string) bool {
	if v.Kind != want && v.Kind != document.Null {
		d.fail(path, "this is %s: want %s%s", v.Kind, want, more)
	}
	return v.Kind == want
}
