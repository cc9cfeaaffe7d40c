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

// serverTLS loads certificates; nil where none are configured. With an authority the peer must show a certificate of it.
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

// dialTLS makes the dialling side of the same certificates. Those of switches are made by ovs-pki(8) and name no host, so the chain
// alone is verified.
func dialTLS(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	return client.ChainOnly(c)
}

// renewedTLS is serverTLS for the API, whose certificates are renewed without a restart: where the files have changed, new
// connections get what they hold now. Files that do not fit each other, as while they are being replaced, change nothing.
func renewedTLS(t config.TLS, log *slog.Logger) (*tls.Config, error) {
	r := &renewal{files: t, log: log}
	r.stamp = r.look()
	now, err := serverTLS(t)
	if now == nil || err != nil {
		return nil, err
	}
	now.NextProtos = httpProtocols()
	r.now = now
	outer := now.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.current(), nil }
	return outer, nil
}

func httpProtocols() []string { return []string{"h2", "http/1.1"} }

// renewal holds certificates and the state of the files that they come from.
type renewal struct {
	files config.TLS
	log   *slog.Logger

	mu    sync.Mutex
	now   *tls.Config
	stamp string
}

// look tells the files apart from what they were before.
func (r *renewal) look() string {
	stamp := ""
	for _, path := range []string{r.files.Cert, r.files.Key, r.files.CA} {
		if info, err := os.Stat(path); err == nil {
			stamp += fmt.Sprintln(info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp
}

func (r *renewal) current() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	stamp := r.look()
	if stamp == r.stamp {
		return r.now
	}
	r.stamp = stamp
	fresh, err := serverTLS(r.files)
	if err != nil {
		r.log.Warn("the new certificates of the API cannot be used; the old ones stay", "error", err)
		return r.now
	}
	fresh.NextProtos = httpProtocols()
	r.now = fresh
	r.log.Info("the certificates of the API were renewed", "cert", r.files.Cert)
	return r.now
}
