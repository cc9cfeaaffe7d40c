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
		pool, err := readAuthorities(t.CA)
		if err != nil {
			return nil, err
		}
		out.ClientCAs, out.RootCAs, out.ClientAuth = pool, pool, tls.RequireAndVerifyClientCert
	}

	return out, nil
}

// readAuthorities reads the certificates of a PEM file.
func readAuthorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}

// certificates hold the TLS configuration of a part, and read its files again when they change, so
// that certificates can be renewed without a restart. New connections get what the files hold then.
// Files that do not fit each other, as while they are being replaced, change nothing.
type certificates struct {
	part   string // for messages: api, openflow or ovsdb
	files  config.TLS
	protos []string // of ALPN
	log    *slog.Logger

	mu      sync.Mutex
	current *tls.Config
	stamp   string // of the files that current comes from
}

// loadCertificates returns the certificates of a part, or nil if none are configured.
func loadCertificates(
	part string, files config.TLS, log *slog.Logger, protos ...string,
) (*certificates, error) {
	c := &certificates{part: part, files: files, protos: protos, log: log}
	c.stamp = c.readStamp()
	current, err := serverTLS(files)
	if err != nil {
		return nil, fmt.Errorf("%s.tls: %w", part, err)
	}

	if current == nil {
		return nil, nil
	}

	current.NextProtos = protos
	c.current = current
	return c, nil
}

// server returns the configuration of a listener; nil for nil certificates.
func (c *certificates) server() *tls.Config {
	if c == nil {
		return nil
	}
	outer := c.latest().Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return c.latest(), nil
	}
	return outer
}

// client returns the configuration for connections that we make to switches with the same
// certificates; nil for nil certificates. The certificates of switches come from ovs-pki(8) and
// name no host, so only their chain is verified.
func (c *certificates) client() *tls.Config {
	if c == nil {
		return nil
	}

	outer := client.ChainOnly(c.latest())
	outer.Certificates = nil
	outer.GetClientCertificate = c.clientCertificate

	outer.VerifyConnection = func(state tls.ConnectionState) error {
		return client.ChainOnly(c.latest()).VerifyConnection(state)
	}

	return outer
}

// clientCertificate is the GetClientCertificate of a tls.Config.
func (c *certificates) clientCertificate(
	*tls.CertificateRequestInfo,
) (*tls.Certificate, error) {
	return &c.latest().Certificates[0], nil
}

// readStamp returns a text that changes when the files change.
func (c *certificates) readStamp() string {
	stamp := ""
	for _, path := range []string{c.files.Cert, c.files.Key, c.files.CA} {
		if info, err := os.Stat(path); err == nil {
			stamp += fmt.Sprintln(info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp
}

// latest returns the configuration that is in the files now. It locks mu.
func (c *certificates) latest() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()

	stamp := c.readStamp()
	if stamp == c.stamp {
		return c.current
	}

	c.stamp = stamp

	renewed, err := serverTLS(c.files)
	if err != nil {
		c.log.Warn("the new certificates cannot be used; the old ones stay",
			"part", c.part, "error", err)
		return c.current
	}

	renewed.NextProtos = c.protos
	c.current = renewed
	c.log.Info("the certificates were renewed", "part", c.part, "cert", c.files.Cert)
	return c.current
}
