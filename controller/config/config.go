package config

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Config is a controller's configuration. The zero value is not valid; start from [Default].
type Config struct {
	// DataDir is the folder of the store, the admin token and the audit log. Relative paths in a
	// file, here and in all fields that name a file, start at the folder of that file.
	DataDir    string
	Store      Store
	Replica    Replica // zero: the controller is the only one of its store
	Log        Log
	Audit      Audit
	API        API
	Access     Access
	OpenFlow   OpenFlow
	OVSDB      OVSDB
	Plugins    []Plugin // exactly one, "mirror"
	Hypervisor Hypervisor
	Inventory  Inventory
	// TunnelNetworks are where a host may move its tunnel address by itself. Elsewhere the first
	// address that was learned stays until somebody updates the host.
	TunnelNetworks []netip.Prefix
	Destinations   Destinations
	Hosts          []Host // registered at the start, or updated

	source *document.Document // nil if the configuration does not come from a file
}

// StoreDriver names what keeps intent.
type StoreDriver string

// The drivers of the store.
const (
	DriverBbolt StoreDriver = "bbolt" // a file of the data directory
	DriverEtcd  StoreDriver = "etcd"
)

// Store says where intent is kept. All but Driver is for etcd.
type Store struct {
	Driver    StoreDriver
	Endpoints []string // URLs of the members: http://HOST:PORT or https://HOST:PORT
	Prefix    string   // of the keys; "": /tapline
	// TLS verifies the members by CA, or by the authorities of this machine if that is "". Cert and
	// Key are for an etcd that asks for a client certificate.
	TLS          TLS
	Username     string // "": etcd asks for none
	PasswordFile string // its first line is the password
	Insecure     bool   // plain HTTP outside loopback is meant
}

// Replica makes the controller one of several that share a store in etcd. One of them leads; the
// others stand by.
type Replica struct {
	Name string // of this replica; no two of a set have the same
	// URL is where the other replicas and clients reach the API of this one: http://HOST:PORT or
	// https://HOST:PORT.
	URL string
	// Lease is how long a leader that was killed or cut off still counts as one, in whole seconds.
	Lease time.Duration
	CA    string // authorities that sign the API certificates of the others; "": the machine's
}

// IsZero reports whether the controller is no replica.
func (r Replica) IsZero() bool { return r == Replica{} }

// defaultLease is the lease of a replica whose configuration names none.
const defaultLease = 3 * time.Second

// LogFormat is the form of log messages.
type LogFormat string

// The formats.
const (
	LogText LogFormat = "text" // key=value
	LogJSON LogFormat = "json"
)

// Log configures the log, which goes to standard error.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// Audit configures the audit log.
type Audit struct {
	Reads bool // also record reads of content, such as of the audit log itself
	// Retention is how long changes are kept; 0 is for ever. Changes are refused when there is no
	// room for them beside those that must be kept.
	Retention time.Duration
	// Syslog also gets each record: udp:HOST:PORT, tcp:HOST:PORT, or "local" for the syslog of this
	// machine; "": none.
	Syslog string
}

// Evacuation says what happens when the place of a destination cannot be reached and its NIC is
// seen elsewhere.
type Evacuation string

// The evacuations.
const (
	EvacuationAsk  Evacuation = "ask"  // nothing, until an operator accepts the new place
	EvacuationAuto Evacuation = "auto" // the destination moves
)

// Destinations configures where copies may go.
type Destinations struct {
	Evacuation Evacuation
}

// API is the REST interface.
type API struct {
	Listen string // IP:PORT; port 0 takes a free one
	TLS    TLS    // zero: plain HTTP; with CA (key "client_ca") clients must show a certificate
	// ClientRoles (key "client_roles" of tls) lets a client certificate replace a token: it maps
	// common names to roles. With any other common name a token is still required.
	ClientRoles map[string]access.Role
	// Origins are web origins (https://HOST[:PORT]) whose pages may change something. Pages of
	// other origins may not, whatever identity the browser sends.
	Origins []string
	// TokenLifetime is the validity of tokens that are created without an expiry.
	TokenLifetime time.Duration
	Insecure      bool // plain HTTP outside loopback is meant
}

// Access configures what roles may do.
type Access struct {
	// Roles limits how long tap flows run that are made or changed by a role; nil: no role has
	// limits.
	Roles map[access.Role]access.Limits
}

// OpenFlow is the listener that the tap bridges connect to.
type OpenFlow struct {
	Listen string // IP:PORT; port 0 takes a free one
	// Advertise is the address that switches connect to: tcp:IP:PORT, or ssl:IP:PORT with TLS. If
	// it is "", each switch gets the local address of the OVSDB connection to its host.
	Advertise string
	TLS       TLS  // zero: plain TCP
	Insecure  bool // plain TCP is meant
}

// OVSDB configures the connections to hosts' databases.
type OVSDB struct {
	Listen string // IP:PORT for hosts that connect to us; "": none does
	TLS    TLS    // for both directions; zero: no "ssl:" hosts, and a plain listener
	// Insecure lets Listen work without TLS. A host is then known by its source address alone.
	Insecure bool
}

// TLS names PEM files. Cert and Key come together.
type TLS struct {
	Cert string // our certificate, and the intermediate ones
	Key  string // its private key
	CA   string // authorities that must have signed the peer's certificate
}

// IsZero reports whether TLS is not configured.
func (t TLS) IsZero() bool { return t == TLS{} }

// Plugin is a plugin to launch.
type Plugin struct {
	Name   string          // "mirror"
	Path   string          // "": tapline-NAME beside the running binary
	SHA256 string          // of the binary, in 64 hexadecimal digits; "": not checked
	Config json.RawMessage // an object for the plugin, with its types from the file; nil: none
}

// Driver names what plugs the tap NIC into a guest.
type Driver string

// The drivers.
const (
	DriverNone    Driver = "none" // somebody else plugs it
	DriverLibvirt Driver = "libvirt"
)

// Hypervisor says how guests get their tap NIC.
type Hypervisor struct {
	Driver Driver
	// URI is the connection URI of libvirt (libvirt, "Connection URIs"). {host} stands for the
	// host's name, {ip} for the address in its OVSDB target.
	URI string
	// Hosts overrides URI for single hosts, by name; "" means that the host has no libvirt.
	Hosts map[string]string
}

// Inventory names the keys of Interface:external_ids from which guests are learned. The first key
// that is set wins. With an empty list nothing is learned.
type Inventory struct {
	MACKeys   []string // MAC address of the guest's NIC
	GuestKeys []string // id of the guest
	IfaceKeys []string // id of the NIC
	IPKeys    []string // IP addresses of the NIC
	// LabelKeys are keys that become labels of guests. Here, all count.
	LabelKeys []string
}

// Host is a host to register.
type Host struct {
	Name     string
	OVSDB    string            // ovsdb(7) connection method: tcp:IP:PORT, ssl:IP:PORT or unix:PATH
	TunnelIP netip.Addr        // zero: learned from the switch
	Wires    map[string]string // wire -> bridge, in addition to those learned from the switch
	NICs     []NIC
}

// NIC is a physical NIC of a host.
type NIC struct {
	Name string
	MAC  tap.MAC
}

// Default returns the configuration of an empty file. DataDir is in $XDG_STATE_HOME, or else in the
// home folder (XDG Base Directory Specification). Without both it is "", which is not valid.
func Default() *Config {
	return &Config{
		DataDir: defaultDataDir(),
		Store:   Store{Driver: DriverBbolt},
		Log:     Log{Level: slog.LevelInfo, Format: LogText},
		Audit:   Audit{Retention: 365 * day},
		API: API{
			Listen: "127.0.0.1:8640", Origins: []string{}, TokenLifetime: 90 * day,
		},
		OpenFlow:   OpenFlow{Listen: "0.0.0.0:6653"},
		Plugins:    []Plugin{{Name: "mirror"}},
		Hypervisor: Hypervisor{Driver: DriverNone},
		Inventory: Inventory{
			MACKeys:   []string{"attached-mac", "attached_mac"},
			GuestKeys: []string{"vm-id", "vm-uuid"},
			IfaceKeys: []string{"iface-id"},
			IPKeys:    []string{"ip_addresses", "ip"},
			LabelKeys: []string{},
		},
		TunnelNetworks: []netip.Prefix{},
		Destinations:   Destinations{Evacuation: EvacuationAsk},
	}
}

func defaultDataDir() string {
	// The specification says that relative paths are ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tapline")
	}

	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "tapline")
}
