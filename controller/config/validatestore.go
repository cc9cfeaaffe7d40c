package config

import (
	"fmt"
	"net/url"
	"strings"
)

// storage checks the setting store.
func (k *checker) storage() {
	s := k.config.Store
	switch s.Driver {
	case DriverBbolt:
		k.onlyEtcd(s)
	case DriverEtcd:
		k.endpoints(s)
		k.etcdAccess(s)
	default:
		k.fail("store.driver", "%q is not a driver: want %s or %s",
			s.Driver, DriverBbolt, DriverEtcd)
	}
}

// onlyEtcd checks that nothing is set that the driver bbolt does not use.
func (k *checker) onlyEtcd(s Store) {
	for _, setting := range []struct {
		name string
		set  bool
	}{
		{"endpoints", len(s.Endpoints) > 0},
		{"prefix", s.Prefix != ""},
		{"tls", !s.TLS.IsZero()},
		{"username", s.Username != ""},
		{"password_file", s.PasswordFile != ""},
		{"insecure", s.Insecure},
	} {
		if setting.set {
			k.fail("store."+setting.name, "driver %s has no use for it: want driver %s, or no %s",
				DriverBbolt, DriverEtcd, setting.name)
		}
	}
}

// endpoints checks the addresses of etcd's members. The store has the cluster's secret and all
// intent, so it is not sent over the network unencrypted.
func (k *checker) endpoints(s Store) {
	if len(s.Endpoints) == 0 {
		k.fail("store.endpoints", "it is missing: driver %s wants the URLs of its members, "+
			"such as [\"https://10.0.0.1:2379\"]", DriverEtcd)
	}

	seen := map[string]string{}
	for i, endpoint := range s.Endpoints {
		path := fmt.Sprintf("store.endpoints[%d]", i)
		u, err := url.Parse(endpoint)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Port() == "" ||
			u.Hostname() == "" || endpoint != u.Scheme+"://"+u.Host:
			k.fail(path, "%q is not the URL of a member of etcd: "+
				"want one such as https://10.0.0.1:2379", endpoint)
			continue
		case u.Scheme == "http" && !s.TLS.IsZero():
			k.fail(path, "%q does not fit store.tls: want https://, or no tls", endpoint)
		case u.Scheme == "http" && !s.Insecure && !isLoopback(u.Hostname()):
			k.fail(path, "%q sends the store's secret over the network unencrypted: "+
				"want https://, an address such as 127.0.0.1, or store.insecure: true", endpoint)
		}
		k.once(seen, path, endpoint)
	}
}

// etcdAccess checks how the controller proves who it is.
func (k *checker) etcdAccess(s Store) {
	if s.Prefix != "" && (strings.Trim(s.Prefix, "/") == "" || s.Prefix[0] != '/') {
		k.fail("store.prefix", "%q is not a prefix: want one such as /tapline", s.Prefix)
	}

	if s.TLS.Cert == "" != (s.TLS.Key == "") {
		k.fail("store.tls", "cert and key come together: want both, or neither")
	}
	k.failIf("store.tls.cert", checkReadable(s.TLS.Cert))
	k.failIf("store.tls.key", checkReadable(s.TLS.Key))
	k.failIf("store.tls.ca", checkReadable(s.TLS.CA))

	switch {
	case s.Username == "" && s.PasswordFile != "":
		k.fail("store.username", "it is missing: password_file has the password of a user")
	case s.Username != "" && s.PasswordFile == "":
		k.fail("store.password_file", "it is missing: want the file with the password of %q",
			s.Username)
	}
	k.failIf("store.password_file", checkFile(s.PasswordFile, "a file with one line"))
}
