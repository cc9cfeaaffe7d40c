package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// serverTLS loads certificates; it returns nil if none are configured. With an authority, a peer
// must show a certificate of that authority.
func serverTLS(t config.TLS) (*tls.Config, error) {
	if t.IsZero() {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	out := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}

	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", t.CA)
		}
		out.ClientCAs, out.RootCAs, out.ClientAuth = pool, pool, tls.RequireAndVerifyClientCert
	}
	return out, nil
}

// dialTLS returns the configuration for connections that we make with the same certificates. The
// certificates of switches come from ovs-pki(8) and name no host, so only their chain is verified.
func dialTLS(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	return client.ChainOnly(c)
}

// renewedTLS is serverTLS for the API, whose certificates can be renewed without a restart. A new
// connection gets the certificates that the files hold then. Files that do not fit each other, as
// while they are being replaced, change nothing.
func renewedTLS(t config.TLS, log *slog.Logger) (*tls.Config, error) {
	r := &renewal{files: t, log: log}
	r.stamp = r.readStamp()
	current, err := serverTLS(t)
	if current == nil || err != nil {
		return nil, err
	}

	current.NextProtos = httpProtocols()
	r.current = current
	outer := current.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return r.latest(), nil
	}
	return outer, nil
}

func httpProtocols() []string { return []string{"h2", "http/1.1"} }

// renewal holds certificates, and reads them again when their files change.
type renewal struct {
	files config.TLS
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Config
	stamp   string // of the files that current comes from
}

// readStamp returns a text that changes when the files change.
func (r *renewal) readStamp() string {
	stamp := ""
	for _, path := range []string{r.files.Cert, r.files.Key, r.files.CA} {
		if info, err := os.Stat(path); err == nil {
			stamp += fmt.Sprintln(info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp
}

// latest returns the certificates that are in the files now. It locks mu.
func (r *renewal) latest() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()

	stamp := r.readStamp()
	if stamp == r.stamp {
		return r.current
	}
	r.stamp = stamp

	renewed, err := serverTLS(r.files)
	if err != nil {
		r.log.Warn("the new certificates of the API cannot be used; the old ones stay",
			"error", err)
		return r.current
	}
	renewed.NextProtos = httpProtocols()
	r.current = renewed
	r.log.Info("the certificates of the API were renewed", "cert", r.files.Cert)
	return r.current
}
