package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api/document"
)

// Encode returns the configuration as a file: JSON, which is also YAML, with every setting, and
// null for those that are not set. The file can be loaded from any folder, since relative paths are
// resolved from folder. It has no secrets: of other files it has only the paths, and passwords in
// URIs and settings of plugins whose names suggest a secret are [Redacted]. It fails if the
// configuration of a plugin is not JSON.
func (c *Config) Encode(folder string) (json.RawMessage, error) {
	resolved := *c
	resolved.Plugins = slices.Clone(c.Plugins)
	resolved.resolvePaths(folder)
	c = &resolved

	plugins, err := eachOf(c.Plugins, Plugin.encode)
	if err != nil {
		return nil, err
	}

	hosts, err := eachOf(c.Hosts, Host.encode)
	if err != nil {
		return nil, err
	}

	return objectOf(
		setting("data_dir", textOf(c.DataDir)),
		setting("store", c.Store.encode()),
		setting("replica", c.Replica.encode()),
		setting("log", c.Log.encode()),
		setting("audit", c.Audit.encode()),
		setting("api", c.API.encode()),
		setting("access", objectOf(setting("roles", c.Access.encode()))),
		setting("openflow", c.OpenFlow.encode()),
		setting("ovsdb", c.OVSDB.encode()),
		setting("plugins", plugins),
		setting("hypervisor", c.Hypervisor.encode()),
		setting("inventory", c.Inventory.encode()),
		setting("tunnel_networks", listOf(prefixTexts(c.TunnelNetworks))),
		setting("destinations", objectOf(
			setting("evacuation", textOf(c.Destinations.Evacuation)),
		)),
		setting("hosts", hosts),
	).JSON(), nil
}

func (s Store) encode() document.Value {
	out := objectOf(setting("driver", textOf(s.Driver)))
	if s.Driver != DriverEtcd {
		return out
	}
	out.Fields = append(out.Fields,
		setting("endpoints", listOf(s.Endpoints)),
		setting("prefix", textOf(s.Prefix)),
		setting("tls", s.TLS.encode("ca")),
		setting("username", textOf(s.Username)),
		setting("password_file", textOf(s.PasswordFile)),
		setting("insecure", boolOf(s.Insecure)),
	)
	return out
}

func (r Replica) encode() document.Value {
	if r.IsZero() {
		return document.Value{Kind: document.Null}
	}
	return objectOf(
		setting("name", textOf(r.Name)),
		setting("url", textOf(r.URL)),
		setting("lease", textOf(durationText(r.Lease))),
		setting("ca", textOf(r.CA)),
	)
}

func (l Log) encode() document.Value {
	return objectOf(
		setting("level", textOf(strings.ToLower(l.Level.String()))),
		setting("format", textOf(l.Format)),
	)
}

func (a Audit) encode() document.Value {
	return objectOf(
		setting("reads", boolOf(a.Reads)),
		setting("retention", textOf(durationText(a.Retention))),
		setting("syslog", textOf(a.Syslog)),
	)
}

func (a API) encode() document.Value {
	return objectOf(
		setting("listen", textOf(a.Listen)),
		setting("origins", listOf(a.Origins)),
		setting("token_lifetime", textOf(durationText(a.TokenLifetime))),
		setting("insecure", boolOf(a.Insecure)),
		setting("tls", a.TLS.encode("client_ca",
			setting("client_roles", textsOf(a.ClientRoles)))),
	)
}

func (a Access) encode() document.Value {
	if a.Roles == nil {
		return document.Value{Kind: document.Null}
	}

	out := objectOf()
	for _, role := range slices.Sorted(maps.Keys(a.Roles)) {
		l := a.Roles[role]
		out.Fields = append(out.Fields, setting(string(role), objectOf(
			setting("default_expiry", textOf(durationText(l.DefaultExpiry))),
			setting("max_expiry", textOf(durationText(l.MaxExpiry))),
		)))
	}
	return out
}

func (o OpenFlow) encode() document.Value {
	return objectOf(
		setting("listen", textOf(o.Listen)),
		setting("advertise", textOf(o.Advertise)),
		setting("insecure", boolOf(o.Insecure)),
		setting("tls", o.TLS.encode("ca")),
	)
}

func (o OVSDB) encode() document.Value {
	return objectOf(
		setting("listen", textOf(o.Listen)),
		setting("insecure", boolOf(o.Insecure)),
		setting("tls", o.TLS.encode("ca")),
	)
}

func (i Inventory) encode() document.Value {
	return objectOf(
		setting("mac_keys", listOf(i.MACKeys)),
		setting("guest_keys", listOf(i.GuestKeys)),
		setting("iface_keys", listOf(i.IfaceKeys)),
		setting("ip_keys", listOf(i.IPKeys)),
		setting("label_keys", listOf(i.LabelKeys)),
	)
}

// encode returns a mapping tls. Its key of the authorities is ca, and more are keys that only some
// mappings tls have.
func (t TLS) encode(ca string, more ...document.Field) document.Value {
	if t.IsZero() {
		return document.Value{Kind: document.Null}
	}
	fields := []document.Field{
		setting("cert", textOf(t.Cert)),
		setting("key", textOf(t.Key)),
		setting(ca, textOf(t.CA)),
	}
	return objectOf(append(fields, more...)...)
}

func (p Plugin) encode() (document.Value, error) {
	settings := document.Value{Kind: document.Null}
	if p.Config != nil {
		var err error
		if settings, err = document.ParseJSON(p.Config); err != nil {
			return document.Value{}, fmt.Errorf("configuration of plugin %s: %w", p.Name, err)
		}
	}

	return objectOf(
		setting("name", textOf(p.Name)),
		setting("path", textOf(p.Path)),
		setting("sha256", textOf(p.SHA256)),
		setting("config", redacted(settings)),
	), nil
}

func (h Hypervisor) encode() document.Value {
	hosts := maps.Clone(h.Hosts)
	for name, uri := range hosts {
		hosts[name] = withoutPassword(uri)
	}
	return objectOf(
		setting("driver", textOf(h.Driver)),
		setting("uri", textOf(withoutPassword(h.URI))),
		setting("hosts", textsOf(hosts)),
	)
}

func (h Host) encode() (document.Value, error) {
	nics, err := eachOf(h.NICs, NIC.encode)
	tunnelIP := ""
	if h.TunnelIP.IsValid() {
		tunnelIP = h.TunnelIP.String()
	}

	return objectOf(
		setting("name", textOf(h.Name)),
		setting("ovsdb", textOf(h.OVSDB)),
		setting("tunnel_ip", textOf(tunnelIP)),
		setting("wires", textsOf(h.Wires)),
		setting("nics", nics),
	), err
}

func (n NIC) encode() (document.Value, error) {
	return objectOf(
		setting("name", textOf(n.Name)),
		setting("mac", textOf(n.MAC.String())),
	), nil
}

func setting(name string, v document.Value) document.Field {
	return document.Field{Name: name, Value: v}
}

// durationText returns a duration in days if it is a whole number of them.
func durationText(d time.Duration) string {
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

func prefixTexts(networks []netip.Prefix) []string {
	var out []string
	for _, n := range networks {
		out = append(out, n.String())
	}
	return out
}

func boolOf(b bool) document.Value {
	return document.Value{Kind: document.Bool, Text: strconv.FormatBool(b)}
}

func objectOf(fields ...document.Field) document.Value {
	return document.Value{Kind: document.Object, Fields: fields}
}

// textOf returns a text, or null if it is empty.
func textOf[T ~string](s T) document.Value {
	if s == "" {
		return document.Value{Kind: document.Null}
	}
	return exactText(string(s))
}

// exactText returns a text that may be empty.
func exactText(s string) document.Value { return document.Value{Kind: document.Text, Text: s} }

// textsOf returns a mapping to texts that may be empty.
func textsOf[T ~string](m map[string]T) document.Value {
	if m == nil {
		return document.Value{Kind: document.Null}
	}
	out := objectOf()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out.Fields = append(out.Fields, setting(name, exactText(string(m[name]))))
	}
	return out
}

// listOf returns a list of texts. An empty list is not null, which would mean the default.
func listOf(list []string) document.Value {
	out := document.Value{Kind: document.List}
	for _, s := range list {
		out.Items = append(out.Items, exactText(s))
	}
	return out
}

// eachOf returns the list of encoded items, or null for nil.
func eachOf[T any](list []T, encode func(T) (document.Value, error)) (document.Value, error) {
	if list == nil {
		return document.Value{Kind: document.Null}, nil
	}

	out := document.Value{Kind: document.List}
	for _, item := range list {
		v, err := encode(item)
		if err != nil {
			return document.Value{}, err
		}
		out.Items = append(out.Items, v)
	}

	return out, nil
}
