package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
)

func (k *checker) hosts() {
	names, targets, tunnels := map[string]string{}, map[string]string{}, map[string]string{}
	for i, h := range k.config.Hosts {
		path := fmt.Sprintf("hosts[%d]", i)
		if h.Name == "" {
			k.fail(path+".name", "it is missing: want the host's name")
		} else {
			k.once(names, path+".name", h.Name)
		}

		if k.target(path+".ovsdb", h.OVSDB) {
			k.once(targets, path+".ovsdb", h.OVSDB)
		}
		if h.TunnelIP.IsValid() {
			k.once(tunnels, path+".tunnel_ip", h.TunnelIP.String())
		}

		k.wires(path+".wires", h.Wires)
		k.nics(path+".nics", h.NICs)
	}
}

// target checks the OVSDB target of a host, and reports whether it is valid.
func (k *checker) target(path, target string) (valid bool) {
	scheme, err := checkTarget(target, "tcp", "ssl", "unix")
	switch {
	case target == "":
		k.fail(path, "it is missing: want the host's database, such as tcp:10.0.0.1:6640")
	case err != nil:
		k.fail(path, "%v", err)
	case scheme == "ssl" && k.config.OVSDB.TLS.IsZero():
		k.fail(path, "%q needs ovsdb.tls: want tls, or tcp:", target)
	default:
		return true
	}

	return false
}

func (k *checker) wires(path string, wires map[string]string) {
	for _, wire := range slices.Sorted(maps.Keys(wires)) {
		wirePath := document.JoinPath(path, wire)
		if wire == "" {
			k.fail(wirePath, "a wire has no name: want one")
		}
		k.failIf(wirePath, checkIfName(wires[wire], "bridge"))
	}
}

func (k *checker) nics(path string, nics []NIC) {
	names, macs := map[string]string{}, map[string]string{}
	for i, n := range nics {
		item := fmt.Sprintf("%s[%d]", path, i)
		if err := checkIfName(n.Name, "NIC"); err != nil {
			k.failIf(item+".name", err)
		} else {
			k.once(names, item+".name", n.Name)
		}

		switch {
		case n.MAC.IsZero():
			k.fail(item+".mac",
				"it is missing: want the NIC's address, such as 52:54:00:12:34:56")
		case n.MAC.IsMulticast():
			k.fail(item+".mac", "%s is a group address: want that of a NIC", n.MAC)
		default:
			k.once(macs, item+".mac", n.MAC.String())
		}
	}
}

// checkIfName checks the name of a network interface as Linux does (dev_valid_name). A bridge has
// an interface of the same name.
func checkIfName(name, what string) error {
	switch {
	case name == "":
		return fmt.Errorf("it is missing: want the name of a %s", what)
	case len(name) > 15, name == ".", name == "..", strings.ContainsAny(name, "/: \t\n\v\f\r"):
		return fmt.Errorf("%q is not the name of a %s: "+
			"want 1 to 15 characters without space, slash and colon", name, what)
	}
	return nil
}
