package config

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/selector"
)

// Validate checks everything that can be checked without a network. Named TLS files must be
// readable. The error is [Errors].
func (c *Config) Validate() error {
	if errs := c.check(); len(errs) > 0 {
		return errs.Sorted()
	}
	return nil
}

// checker collects errors.
type checker struct {
	config *Config
	errs   Errors
}

func (k *checker) fail(path, format string, args ...any) {
	k.errs = append(k.errs, k.config.Error(path, format, args...))
}

// failIf adds the error of a check of the value at a path, if there is one.
func (k *checker) failIf(path string, err error) {
	if err != nil {
		k.fail(path, "%v", err)
	}
}

func (c *Config) check() Errors {
	k := &checker{config: c}
	if c.DataDir == "" {
		k.fail("data_dir", "it is missing, and there is no home folder: "+
			"want a folder such as /var/lib/tapline")
	}

	k.storage()
	k.replica()
	k.settings()
	k.audit()
	k.listeners()
	k.security()
	k.origins()
	k.tls("api.tls", c.API.TLS, "client_ca")
	k.clientRoles()
	k.roleLimits()
	k.tls("openflow.tls", c.OpenFlow.TLS, "ca")
	k.tls("ovsdb.tls", c.OVSDB.TLS, "ca")
	k.advertise()
	k.plugins()
	k.hypervisor()
	k.keys("inventory.mac_keys", c.Inventory.MACKeys)
	k.keys("inventory.guest_keys", c.Inventory.GuestKeys)
	k.keys("inventory.iface_keys", c.Inventory.IfaceKeys)
	k.keys("inventory.ip_keys", c.Inventory.IPKeys)
	k.labelKeys()
	k.tunnelNetworks()
	k.hosts()
	return k.errs
}

func (k *checker) listeners() {
	c := k.config
	type listener struct {
		path string
		host string
		port string
	}

	var known []listener
	for _, l := range []struct{ path, address string }{
		{"api.listen", c.API.Listen},
		{"openflow.listen", c.OpenFlow.Listen},
		{"ovsdb.listen", c.OVSDB.Listen},
	} {
		if l.address == "" && l.path == "ovsdb.listen" {
			continue
		}

		host, port, err := splitListen(l.address)
		if err != nil {
			k.fail(l.path, "%v", err)
			continue
		}

		for _, other := range known {
			overlap := host == other.host || isAny(host) || isAny(other.host)
			if port == other.port && port != "0" && overlap {
				k.fail(l.path, "%q is taken by %s: want another port", l.address, other.path)
			}
		}

		known = append(known, listener{l.path, host, port})
	}
}

// splitListen splits IP:PORT.
func splitListen(address string) (host, port string, err error) {
	wrong := fmt.Errorf("%q is not an address to listen on: "+
		"want IP:PORT such as 0.0.0.0:6653 or [::1]:8640", address)

	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", wrong
	}

	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", wrong
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return "", "", wrong
	}

	return host, port, nil
}

// isAny reports whether a host stands for all addresses of the machine.
func isAny(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func (k *checker) tls(path string, t TLS, ca string) {
	if t.IsZero() {
		return
	}
	if t.Cert == "" {
		k.fail(path+".cert",
			"it is missing: want the file of a certificate, cert and key come together")
	}
	if t.Key == "" {
		k.fail(path+".key",
			"it is missing: want the file of the certificate's key, cert and key come together")
	}

	k.failIf(path+".cert", checkReadable(t.Cert))
	k.failIf(path+".key", checkReadable(t.Key))
	k.failIf(path+"."+ca, checkReadable(t.CA))
}

func (k *checker) clientRoles() {
	const path = "api.tls.client_roles"
	api := k.config.API
	if len(api.ClientRoles) > 0 && api.TLS.CA == "" {
		k.fail(path, "it needs client_ca: "+
			"want the file of the authority that vouches for the clients")
	}

	for _, name := range slices.Sorted(maps.Keys(api.ClientRoles)) {
		if name == "" {
			k.fail(document.JoinPath(path, name),
				"a name is empty: want the common name of a certificate")
		}
		_, err := access.ParseRole(string(api.ClientRoles[name]))
		k.failIf(document.JoinPath(path, name), err)
	}
}

// checkReadable checks that a PEM file can be read. "" is no file, and no error.
func checkReadable(path string) error { return checkFile(path, "a PEM file") }

// checkFile checks that a file can be read; want says what for. "" is no file, and no error.
func checkFile(path, want string) error {
	if path == "" {
		return nil
	}

	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // To open a pipe might block for ever.
		return fmt.Errorf("%q is not a file: want %s", path, want)
	}

	if err == nil {
		var file *os.File
		if file, err = os.Open(path); err == nil {
			err = file.Close()
		}
	}

	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err
		}
		return fmt.Errorf("%q cannot be read (%w): want %s", path, err, want)
	}

	return nil
}

func (k *checker) advertise() {
	of := k.config.OpenFlow
	if of.Advertise == "" {
		return
	}

	const path = "openflow.advertise"
	scheme, err := checkTarget(of.Advertise, "tcp", "ssl")
	switch {
	case err != nil:
		k.fail(path, "%v", err)
	case scheme == "ssl" && of.TLS.IsZero():
		k.fail(path, "%q needs openflow.tls: want tls, or tcp:", of.Advertise)
	case scheme == "tcp" && !of.TLS.IsZero():
		k.fail(path, "%q does not fit openflow.tls: want ssl:, or no tls", of.Advertise)
	}
}

// checkTarget checks an OVSDB connection method (ovsdb(7), "Connection Methods"). It returns the
// method's scheme, which must be one of schemes.
func checkTarget(target string, schemes ...string) (scheme string, err error) {
	examples := map[string]string{
		"tcp":  "tcp:10.0.0.1:6640",
		"ssl":  "ssl:[2001:db8::1]:6640",
		"unix": "unix:/run/openvswitch/db.sock",
	}

	var want []string
	for _, s := range schemes {
		want = append(want, examples[s])
	}

	wrong := fmt.Errorf("%q is not a connection method: want one like %s",
		target, strings.Join(want, ", "))

	scheme, rest, ok := strings.Cut(target, ":")
	if !ok || !slices.Contains(schemes, scheme) {
		return "", wrong
	}

	if scheme == "unix" {
		if rest == "" {
			return "", wrong
		}
		return scheme, nil
	}

	to, err := netip.ParseAddrPort(rest)
	if err != nil || to.Port() == 0 || to.Addr().IsUnspecified() || to.Addr().IsMulticast() {
		return "", wrong
	}

	return scheme, nil
}

func (k *checker) plugins() {
	if len(k.config.Plugins) == 0 {
		k.fail("plugins", `it is empty: want one named "mirror", or leave the key out`)
	}

	seen := make(map[string]string)
	for i, p := range k.config.Plugins {
		path := fmt.Sprintf("plugins[%d]", i)
		switch {
		case p.Name == "":
			k.fail(path+".name", `it is missing: want "mirror"`)
		case p.Name != "mirror":
			k.fail(path+".name",
				`%q is not supported: want "mirror", for now the only plugin that there is`, p.Name)
		default:
			k.once(seen, path+".name", p.Name)
		}

		_, err := hex.DecodeString(p.SHA256)
		if err != nil || p.SHA256 != "" && len(p.SHA256) != 64 {
			k.fail(path+".sha256", "%q is not a SHA-256: want 64 hexadecimal digits", p.SHA256)
		}

		if p.Config != nil && (!json.Valid(p.Config) || p.Config[0] != '{') {
			k.fail(path+".config", "it is not a JSON object: want one")
		}
	}
}

// once adds an error if the value stands at another path as well.
func (k *checker) once(seen map[string]string, path, value string) {
	if other, twice := seen[value]; twice {
		k.fail(path, "%q is also %s: want each only once", value, other)
		return
	}
	seen[value] = path
}

func (k *checker) hypervisor() {
	h := k.config.Hypervisor
	const path = "hypervisor.uri"
	switch {
	case h.Driver != DriverNone && h.Driver != DriverLibvirt:
		k.fail("hypervisor.driver", "%q is not a driver: want %s or %s",
			h.Driver, DriverNone, DriverLibvirt)
	case h.Driver == DriverNone && h.URI != "":
		k.fail(path, "driver %s has no use for %q: want driver %s, or no uri",
			DriverNone, h.URI, DriverLibvirt)
	case h.Driver == DriverNone && h.Hosts != nil:
		k.fail("hypervisor.hosts", "driver %s has no use for it: want driver %s, or no hosts",
			DriverNone, DriverLibvirt)
	case h.Driver == DriverLibvirt && h.URI == "":
		k.fail(path, "it is missing: driver %s wants one such as qemu+ssh://{host}/system",
			DriverLibvirt)
	case h.Driver == DriverLibvirt:
		k.failIf(path, checkLibvirt(h.URI))
	}

	for _, host := range slices.Sorted(maps.Keys(h.Hosts)) {
		if uri := h.Hosts[host]; uri != "" && h.Driver == DriverLibvirt {
			k.failIf(document.JoinPath("hypervisor.hosts", host), checkLibvirt(uri))
		}
	}
}

// checkLibvirt checks a connection URI of libvirt, with an example in place of {host} and {ip}.
func checkLibvirt(uri string) error {
	const example = "qemu+ssh://{host}/system"
	known := strings.NewReplacer("{host}", "host", "{ip}", "192.0.2.1").Replace(uri)
	switch u, err := url.Parse(known); {
	case strings.ContainsAny(known, "{}"):
		return fmt.Errorf("%q has braces around something else than host or ip: "+
			"want a URI such as %s", uri, example)
	case err != nil || u.Scheme == "" || u.Path == "":
		return fmt.Errorf("%q is not a URI of libvirt: want one such as %s", uri, example)
	}

	return nil
}

func (k *checker) keys(path string, keys []string) {
	seen := make(map[string]string)
	for i, key := range keys {
		item := fmt.Sprintf("%s[%d]", path, i)
		if key == "" {
			k.fail(item, "it is empty: want a key of external_ids")
			continue
		}
		k.once(seen, item, key)
	}
}

// labelKeys checks the keys that become labels: two must not become the same one.
func (k *checker) labelKeys() {
	seen := make(map[string]string)
	for i, key := range k.config.Inventory.LabelKeys {
		item := fmt.Sprintf("inventory.label_keys[%d]", i)
		label, valid := selector.LabelKeyOf(key)
		if !valid {
			k.fail(item, "%q cannot become a label: want 1 to 63 characters, a letter or digit at "+
				"the ends", key)
			continue
		}
		k.once(seen, item, label)
	}
}
