package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
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
		field{"data_dir", textOf(c.DataDir)},
		field{"api", objectOf(
			field{"listen", textOf(c.API.Listen)},
			field{"tls", c.API.TLS.encode("client_ca", field{"client_roles", textsOf(c.API.ClientRoles)})},
		)},
		field{"openflow", objectOf(
			field{"listen", textOf(c.OpenFlow.Listen)},
			field{"advertise", textOf(c.OpenFlow.Advertise)},
			field{"tls", c.OpenFlow.TLS.encode("ca")},
		)},
		field{"ovsdb", objectOf(
			field{"listen", textOf(c.OVSDB.Listen)},
			field{"tls", c.OVSDB.TLS.encode("ca")},
		)},
		field{"plugins", plugins},
		field{"hypervisor", objectOf(
			field{"driver", textOf(c.Hypervisor.Driver)},
			field{"uri", textOf(withoutPassword(c.Hypervisor.URI))},
			field{"hosts", c.Hypervisor.encodeHosts()},
		)},
		field{"inventory", objectOf(
			field{"mac_keys", listOf(c.Inventory.MACKeys)},
			field{"guest_keys", listOf(c.Inventory.GuestKeys)},
			field{"iface_keys", listOf(c.Inventory.IfaceKeys)},
			field{"ip_keys", listOf(c.Inventory.IPKeys)},
		)},
		field{"hosts", hosts},
	).json(nil), nil
}

// encode writes tls; ca is the key of the authorities, and more are keys that only one tls has.
func (t TLS) encode(ca string, more ...field) value {
	if t.IsZero() {
		return value{kind: kindNull}
	}
	return objectOf(append([]field{{"cert", textOf(t.Cert)}, {"key", textOf(t.Key)}, {ca, textOf(t.CA)}}, more...)...)
}

func (p Plugin) encode() (value, error) {
	settings := value{kind: kindNull}
	if p.Config != nil {
		d := json.NewDecoder(bytes.NewReader(p.Config))
		d.UseNumber()
		var err error
		if settings, err = valueOf(d); err != nil {
			return value{}, fmt.Errorf("configuration of plugin %s: %w", p.Name, err)
		}
	}
	return objectOf(
		field{"name", textOf(p.Name)}, field{"path", textOf(p.Path)}, field{"sha256", textOf(p.SHA256)}, field{"config", redacted(settings)},
	), nil
}

func (h Hypervisor) encodeHosts() value {
	hosts := maps.Clone(h.Hosts)
	for name, uri := range hosts {
		hosts[name] = withoutPassword(uri)
	}
	return textsOf(hosts)
}

func (h Host) encode() (value, error) {
	nics, err := eachOf(h.NICs, NIC.encode)
	tunnelIP := ""
	if h.TunnelIP.IsValid() {
		tunnelIP = h.TunnelIP.String()
	}
	return objectOf(
		field{"name", textOf(h.Name)}, field{"ovsdb", textOf(h.OVSDB)}, field{"tunnel_ip", textOf(tunnelIP)},
		field{"wires", textsOf(h.Wires)}, field{"nics", nics},
	), err
}

func (n NIC) encode() (value, error) {
	return objectOf(field{"name", textOf(n.Name)}, field{"mac", textOf(n.MAC.String())}), nil
}

func objectOf(fields ...field) value { return value{kind: kindObject, fields: fields} }

// textOf is text, or nothing if it is empty.
func textOf[T ~string](s T) value {
	if s == "" {
		return value{kind: kindNull}
	}
	return value{kind: kindText, text: string(s)}
}

// textsOf is a mapping to text, in which text may be empty.
func textsOf[T ~string](m map[string]T) value {
	if m == nil {
		return value{kind: kindNull}
	}
	out := objectOf()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out.fields = append(out.fields, field{name, value{kind: kindText, text: string(m[name])}})
	}
	return out
}

// listOf is a list of text. An empty one is no less than that: nothing would mean the default.
func listOf(list []string) value {
	out := value{kind: kindList}
	for _, s := range list {
		out.items = append(out.items, value{kind: kindText, text: s})
	}
	return out
}

func eachOf[T any](list []T, encode func(T) (value, error)) (value, error) {
	if list == nil {
		return value{kind: kindNull}, nil
	}
	out := value{kind: kindList}
	for _, item := range list {
		v, err := encode(item)
		if err != nil {
			return value{}, err
		}
		out.items = append(out.items, v)
	}
	return out, nil
}

// valueOf reads JSON.
func valueOf(d *json.Decoder) (value, error) {
	t, err := d.Token()
	if err != nil {
		return value{}, err
	}
	switch t := t.(type) {
	case bool:
		return value{kind: kindBool, text: fmt.Sprint(t)}, nil
	case json.Number:
		return value{kind: kindNumber, text: t.String()}, nil
	case string:
		return value{kind: kindText, text: t}, nil
	case json.Delim:
		out := value{kind: kindList}
		if t == '{' {
			out.kind = kindObject
		}
		for d.More() {
			var name json.Token
			if out.kind == kindObject {
				if name, err = d.Token(); err != nil {
					return value{}, err
				}
			}
			item, err := valueOf(d)
			if err != nil {
				return value{}, err
			}
			if out.kind == kindObject {
				out.fields = append(out.fields, field{fmt.Sprint(name), item})
			} else {
				out.items = append(out.items, item)
			}
		}
		_, err = d.Token() // the end of it
		return out, err
	}
	return value{kind: kindNull}, nil
}

// Redacted stands where a secret was.
const Redacted = "REDACTED"

// redacted is a value without what looks like a secret by its name.
func redacted(v value) value {
	switch v.kind {
	case kindList:
		v.items = slices.Clone(v.items)
		for i, item := range v.items {
			v.items[i] = redacted(item)
		}
	case kindObject:
		v.fields = slices.Clone(v.fields)
		for i, f := range v.fields {
			if looksSecret(f.name) && f.value.kind != kindNull {
				v.fields[i].value = value{kind: kindText, text: Redacted}
			} else {
				v.fields[i].value = redacted(f.value)
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
