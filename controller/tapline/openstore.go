package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
)

// openStore opens the store that the configuration names, for a term. Nobody else may have it open.
func openStore(
	ctx context.Context, c *config.Config, t term, log *slog.Logger,
) (store.Store, error) {
	if c.Store.Driver == config.DriverBbolt {
		return store.OpenBolt(boltPath(c))
	}

	settings, err := etcdConfig(c, log)
	if err != nil {
		return nil, err
	}
	if t.Number() > 0 {
		settings.Leader = t
	}
	return etcd.Open(ctx, settings)
}

// readStore reads the store that the configuration names, which a controller may have open.
func readStore(ctx context.Context, c *config.Config, log *slog.Logger) (store.State, error) {
	if c.Store.Driver == config.DriverBbolt {
		return store.ReadBolt(ctx, boltPath(c))
	}

	settings, err := etcdConfig(c, log)
	if err != nil {
		return store.State{}, err
	}
	settings.ReadOnly = true
	s, err := etcd.Open(ctx, settings)
	if err != nil {
		return store.State{}, err
	}
	state, err := s.Load(ctx)
	return state, errors.Join(err, s.Close())
}

// replaceStore gives other content to the store that the configuration names, which nobody may have
// open.
func replaceStore(
	ctx context.Context, c *config.Config, state store.State, log *slog.Logger,
) error {
	if c.Store.Driver == config.DriverBbolt {
		if err := privateFolder(c.DataDir); err != nil {
			return fmt.Errorf("data_dir: %w", err)
		}
		return store.ReplaceBolt(ctx, boltPath(c), state)
	}

	settings, err := etcdConfig(c, log)
	if err != nil {
		return err
	}
	return etcd.Replace(ctx, settings, state)
}

// etcdConfig returns how to reach the store in etcd.
func etcdConfig(c *config.Config, log *slog.Logger) (etcd.Config, error) {
	password, err := readPassword(c.Store.PasswordFile)
	if err != nil {
		return etcd.Config{}, fmt.Errorf("store.password_file: %w", err)
	}
	secure, err := etcdTLS(c.Store)
	if err != nil {
		return etcd.Config{}, fmt.Errorf("store.tls: %w", err)
	}

	host, _ := os.Hostname() // It is only shown.
	return etcd.Config{
		Endpoints: c.Store.Endpoints,
		Prefix:    c.Store.Prefix,
		TLS:       secure,
		Username:  c.Store.Username,
		Password:  password,
		Name:      fmt.Sprintf("process %d on %s", os.Getpid(), host),
		Logger:    log,
	}, nil
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
		pool, err := readAuthorities(c.TLS.CA)
		if err != nil {
			return nil, err
		}
		out.RootCAs = pool
	}

	return out, nil
}
