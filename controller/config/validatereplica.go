package config

import (
	"net/url"
	"regexp"
	"time"
)

// Bounds of replica.lease. A shorter one is lost whenever the machine or etcd is slow, and after a
// longer one nobody leads for too long.
const (
	minLease = 2 * time.Second
	maxLease = time.Minute
)

// replicaName is what a replica may be called. The name is a part of a key in etcd.
var replicaName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// replica checks the setting replica.
func (k *checker) replica() {
	r := k.config.Replica
	if r.IsZero() {
		return
	}

	if k.config.Store.Driver != DriverEtcd {
		k.fail("replica", "replicas share a store in etcd: want store.driver %s, or no replica",
			DriverEtcd)
	}

	switch {
	case r.Name == "":
		k.fail("replica.name", "it is missing: want a name that no other replica has, such as c1")
	case !replicaName.MatchString(r.Name):
		k.fail("replica.name", "%q is not a name: "+
			"want up to 63 letters, digits and ._- such as c1", r.Name)
	}

	if r.Lease < minLease || r.Lease > maxLease || r.Lease%time.Second != 0 {
		k.fail("replica.lease", "%q is not a lease: want whole seconds from %v to %v",
			r.Lease, minLease, maxLease)
	}

	k.replicaURL(r.URL)
	k.failIf("replica.ca", checkReadable(r.CA))
}

// replicaURL checks where a replica is reached. Others send the tokens of users there.
func (k *checker) replicaURL(text string) {
	const path, example = "replica.url", "https://c1.example:8640"
	api := k.config.API

	u, err := url.Parse(text)
	switch {
	case text == "":
		k.fail(path, "it is missing: want where others reach the API of this replica, such as %s",
			example)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		text != u.Scheme+"://"+u.Host:
		k.fail(path, "%q is not the URL of a replica: want one such as %s", text, example)
	case u.Scheme == "http" && !api.TLS.IsZero():
		k.fail(path, "%q does not fit api.tls: want https://", text)
	case u.Scheme == "http" && !api.Insecure && !isLoopback(u.Hostname()):
		k.fail(path, "%q has tokens sent over the network unencrypted: "+
			"want https://, an address such as 127.0.0.1, or api.insecure: true", text)
	}
}
