package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
)

// Encode is the configuration in the words of its file, as JSON, which YAML includes: every setting that there is, null where it
// is not set. A file that holds it means the same, wherever it is: relative paths start at folder. It has no secrets: of files only
// their paths, and values of plugins whose names look like secrets, and passwords in URIs, are [Redacted]. It fails if the
// configuration of a plugin is no JSON.
func (c *Config) Encode(folder string) (json.RawMessage, error) {
	absolute := *c
	absolute.Plugins = slices.Clone(c.Plugins)
	absolute.startPaths(folder)
	c = &absolute
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
		setting("api", objectOf(
			setting("listen", textOf(c.API.Listen)),
			setting("tls", c.API.TLS.encode("client_ca", setting("client_roles", textsOf(c.API.ClientRoles)))),
		)),
		setting("openflow", objectOf(
			setting("listen", textOf(c.OpenFlow.Listen)),
			setting("advertise", textOf(c.OpenFlow.Advertise)),
			setting("tls", c.OpenFlow.TLS.encode("ca")),
		)),
		setting("ovsdb", objectOf(
			setting("listen", textOf(c.OVSDB.Listen)),
			setting("tls", c.OVSDB.TLS.encode("ca")),
		)),
		setting("plugins", plugins),
		setting("hypervisor", objectOf(
			setting("driver", textOf(c.Hypervisor.Driver)),
			setting("uri", textOf(withoutPassword(c.Hypervisor.URI))),
			setting("hosts", c.Hypervisor.encodeHosts()),
		)),
		setting("inventory", objectOf(
			setting("mac_keys", listOf(c.Inventory.MACKeys)),
			setting("guest_keys", listOf(c.Inventory.GuestKeys)),
			setting("iface_keys", listOf(c.Inventory.IfaceKeys)),
			setting("ip_keys", listOf(c.Inventory.IPKeys)),
		)),
		setting("hosts", hosts),
	).JSON(), nil
}

// encode writes tls; ca is the key of the authorities, and more are keys that only one tls has.
func (t TLS) encode(ca string, more ...document.Field) document.Value {
	if t.IsZero() {
		return document.Value{Kind: document.Null}
	}
	return objectOf(append([]document.Field{
		setting("cert", textOf(t.Cert)), setting("key", textOf(t.Key)), setting(ca, textOf(t.CA)),
	}, more...)...)
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
		setting("name", textOf(p.Name)), setting("path", textOf(p.Path)), setting("sha256", textOf(p.SHA256)), setting("config", redacted(settings)),
	), nil
}

func (h Hypervisor) encodeHosts() document.Value {
	hosts := maps.Clone(h.Hosts)
	for name, uri := range hosts {
		hosts[name] = withoutPassword(uri)
	}
	return textsOf(hosts)
}

func (h Host) encode() (document.Value, error) {
	nics, err := eachOf(h.NICs, NIC.encode)
	tunnelIP := ""
	if h.TunnelIP.IsValid() {
		tunnelIP = h.TunnelIP.String()
	}
	return objectOf(
		setting("name", textOf(h.Name)), setting("ovsdb", textOf(h.OVSDB)), setting("tunnel_ip", textOf(tunnelIP)),
		setting("wires", textsOf(h.Wires)), setting("nics", nics),
	), err
}

func (n NIC) encode() (document.Value, error) {
	return objectOf(setting("name", textOf(n.Name)), setting("mac", textOf(n.MAC.String()))), nil
}

func setting(name string, v document.Value) document.Field {
	return document.Field{Name: name, Value: v}
}

func objectOf(fields ...document.Field) document.Value {
	return document.Value{Kind: document.Object, Fields: fields}
}

// textOf is text, or nothing if it is empty.
func textOf[T ~string](s T) document.Value {
	if s == "" {
		return document.Value{Kind: document.Null}
	}
	return document.Value{Kind: document.Text, Text: string(s)}
}

// textsOf is a mapping to text, in which text may be empty.
func textsOf[T ~string](m map[string]T) document.Value {
	if m == nil {
		return document.Value{Kind: document.Null}
	}
	out := objectOf()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out.Fields = append(out.Fields, setting(name, document.Value{Kind: document.Text, Text: string(m[name])}))
	}
	return out
}

// listOf is a list of text. An empty one is no less than that: nothing would mean the default.
func listOf(list []string) document.Value {
	out := document.Value{Kind: document.List}
	for _, s := range list {
		out.Items = append(out.Items, document.Value{Kind: document.Text, Text: s})
	}
	return out
}

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

// Redacted stands where a secret was.
const Redacted = "REDACTED"

// redacted is a value without what looks like a secret by its name.
func redacted(v document.Value) document.Value {
	switch v.Kind {
	case document.List:
		v.Items = slices.Clone(v.Items)
		for i, item := range v.Items {
			v.Items[i] = redacted(item)
		}
	case document.Object:
		v.Fields = slices.Clone(v.Fields)
		for i, f := range v.Fields {
			if looksSecret(f.Name) && f.Value.Kind != document.Null {
				v.Fields[i].Value = document.Value{Kind: document.Text, Text: Redacted}
			} else {
				v.Fields[i].Value = redacted(f.Value)
			}
		}
	}
	return v
}

// looksSecret reports whether a setting of this name is likely to hold a secret, and not the path of a file that does.
func looksSecret(name string) bool {
	name = strings.ToLower(name)
	for _, place := range []string{"file", "path", "dir"} {
		if strings.HasSuffix(name, place) {
			return false
		}
	}
	for _, word := range []string{"password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "auth", "community"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, "key") || strings.HasPrefix(name, "private")
}

// withoutPassword takes the password out of the user's part of a URI (RFC 3986, 3.2.1).
func withoutPassword(uri string) string {
	return regexp.MustCompile(`^([^:/?#]+://[^/?#:@]*:)[^/?#@]*@`).ReplaceAllString(uri, "${1}"+Redacted+"@")
}
