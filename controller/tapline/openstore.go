package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
)

// storeUse says what a store is opened for.
type storeUse int

const (
	// storeOwner is for a program that writes: nobody else may have the store open.
	storeOwner storeUse = iota
	// storeReader is for a program that only reads. A store in etcd may be in use meanwhile.
	storeReader
)

// openStore opens the store that the configuration names.
func openStore(
	ctx context.Context, c *config.Config, use storeUse, log *slog.Logger,
) (store.Store, error) {
	if c.Store.Driver == config.DriverBbolt {
		return store.OpenBolt(boltPath(c))
	}

	password, err := readPassword(c.Store.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("store.password_file: %w", err)
	}
	secure, err := etcdTLS(c.Store)
	if err != nil {
		return nil, fmt.Errorf("store.tls: %w", err)
	}

	host, _ := os.Hostname() // It is only shown.
	return etcd.Open(ctx, etcd.Config{
		Endpoints: c.Store.Endpoints,
		Prefix:    c.Store.Prefix,
		TLS:       secure,
		Username:  c.Store.Username,
		Password:  password,
		Name:      fmt.Sprintf("process %d on %s", os.Getpid(), host),
		ReadOnly:  use == storeReader,
		Logger:    log,
	})
}

// boltPath is the file of a bbolt store.
func boltPath(c *config.Config) string { return filepath.Join(c.DataDir, "tapline.db") }

// readPassword returns the first line of a file; "" is no file.
func readPassword(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// etcdTLS returns how members of etcd are verified, or nil for plain HTTP.
func etcdTLS(c config.Store) (*tls.Config, error) {
	if c.TLS.IsZero() && !strings.HasPrefix(c.Endpoints[0], "https:") {
		return nil, nil
	}

	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS.Cert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return nil, err
		}
		out.Certificates = []tls.Certificate{cert}
	}

	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return nil, err
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.TLS.CA)
		}
	}

	return out, nil
}
