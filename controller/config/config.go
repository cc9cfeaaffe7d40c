package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Config is a controller's configuration. The zero value is not valid; start from [Default].
type Config struct {
	// DataDir is the folder of the store and the token. A relative path in a file, here and in all other fields that
	// name a file, starts at the folder of that file.
	DataDir    string
	API        API
	OpenFlow   OpenFlow
	OVSDB      OVSDB
	Plugins    []Plugin // exactly one, "mirror"
	Hypervisor Hypervisor
	Inventory  Inventory
	Hosts      []Host // registered at start if they are not yet; none is fine

	source *document.Document // nil if the configuration does not come from a file
}

// API is the REST interface.
type API struct {
	Listen string // IP:PORT; port 0 takes a free one
	TLS    TLS    // zero: plain HTTP; CA, the key "client_ca", makes clients show a certificate
	// ClientRoles, the key "client_roles" of tls, makes a client's certificate do for a token: common name -> role. A certificate of
	// another name is asked for a token as well.
	ClientRoles map[string]access.Role
}

// OpenFlow is where the tap bridges connect to.
type OpenFlow struct {
	Listen string // IP:PORT; port 0 takes a free one
	// Advertise is the controller's address as the switches are told: tcp:IP:PORT, or ssl:IP:PORT with TLS.
	// "" is the local address of the OVSDB connection to each host.
	Advertise string
	TLS       TLS // zero: plain TCP
}

// OVSDB is how hosts' databases are reached.
type OVSDB struct {
	Listen string // IP:PORT for hosts that connect to us; "": none, we connect to them
	TLS    TLS    // of both directions; zero: no "ssl:" hosts, and a plain listener
}

// TLS names PEM files. Cert and Key come together.
type TLS struct {
	Cert string // our certificate, and those between it and its authority
	Key  string // its private key
	CA   string // authorities that the peer's certificate must come from
}

// IsZero reports whether TLS is not configured.
func (t TLS) IsZero() bool { return t == TLS{} }

// Plugin is a plugin to launch.
type Plugin struct {
	Name   string          // "mirror"
	Path   string          // "": tapline-NAME beside the running binary
	SHA256 string          // 64 hexadecimal digits that the binary must have; "": not checked
	Config json.RawMessage // an object for the plugin, with the types that it has in the file; nil: none
}

// Driver names what plugs the tap NIC into a guest.
type Driver string

// The drivers.
const (
	DriverNone    Driver = "none" // somebody else plugs it
	DriverLibvirt Driver = "libvirt"
)

// Hypervisor is how guests get their tap NIC.
type Hypervisor struct {
	Driver Driver
	// URI is of libvirt (libvirt, "Connection URIs"); {host} stands for the host's name, {ip} for the address in its OVSDB target.
	URI string
	// Hosts are the URIs of hosts that differ, by name; "" means that there is no libvirt.
	Hosts map[string]string
}

// Inventory names the keys of Interface:external_ids by which guests are learned; the first key that is set wins.
// An empty list learns nothing.
type Inventory struct {
	MACKeys   []string // address of the guest's NIC
	GuestKeys []string // id of the guest
	IfaceKeys []string // id of the NIC
	IPKeys    []string // IP addresses of the NIC
}

// Host is a host to register.
type Host struct {
	Name     string
	OVSDB    string            // ovsdb(7) connection method: tcp:IP:PORT, ssl:IP:PORT or unix:PATH
	TunnelIP netip.Addr        // zero: learned from the switch
	Wires    map[string]string // wire -> bridge, beside those that the switch tells
	NICs     []NIC
}

// NIC is a physical NIC of a host.
type NIC struct {
	Name string
	MAC  tap.MAC
}

// Default returns the configuration of an empty file. DataDir is in $XDG_STATE_HOME, or else in the home folder
// (XDG Base Directory Specification); it is "", which is not valid, if there is neither.
func Default() *Config {
	return &Config{
		DataDir:    defaultDataDir(),
		API:        API{Listen: "127.0.0.1:8640"},
		OpenFlow:   OpenFlow{Listen: "0.0.0.0:6653"},
		Plugins:    []Plugin{{Name: "mirror"}},
		Hypervisor: Hypervisor{Driver: DriverNone},
		Inventory: Inventory{
			MACKeys:   []string{"attached-mac", "attached_mac"},
			GuestKeys: []string{"vm-id", "vm-uuid"},
			IfaceKeys: []string{"iface-id"},
			IPKeys:    []string{"ip_addresses", "ip"},
		},
	}
}

func defaultDataDir() string {
	// The specification has relative paths ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tapline")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "tapline")
}

// Load reads, parses and validates a file. An error is [Errors] if the file could be read.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if info.Size() > document.MaxSize {
		return nil, fmt.Errorf("read configuration: %s has %d bytes: want at most %d", path, info.Size(), document.MaxSize)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse parses and validates a configuration. The name is for errors, and its folder is where relative paths start.
// An error is always [Errors].
func Parse(name string, data []byte) (*Config, error) {
	c := Default()
	source, errs := document.ReadOne(name, data)
	if source != nil {
		c.source = source
		errs = append(errs, c.decode(source.Root)...)
		c.startPaths(filepath.Dir(name))
		for _, e := range c.check() {
			// A value that could not be read is still the default, and that is no second mistake.
			if !errs.Near(e.Path) {
				errs = append(errs, e)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errs.Sorted()
	}
	return c, nil
}

// startPaths makes relative paths start at a folder.
func (c *Config) startPaths(folder string) {
	paths := []*string{&c.DataDir}
	for _, tls := range []*TLS{&c.API.TLS, &c.OpenFlow.TLS, &c.OVSDB.TLS} {
		paths = append(paths, &tls.Cert, &tls.Key, &tls.CA)
	}
	for i := range c.Plugins {
		paths = append(paths, &c.Plugins[i].Path)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
}
