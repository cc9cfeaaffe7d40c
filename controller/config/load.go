package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tapline-sdn/tapline/api/document"
)

// Load reads, parses and validates a file. If the file could be read, an error is [Errors].
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}

	if info.Size() > document.MaxSize {
		return nil, fmt.Errorf("read configuration: %s has %d bytes: want at most %d",
			path, info.Size(), document.MaxSize)
	}

	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}

	return Parse(path, data)
}

// Parse parses and validates a configuration. The name is used in errors, and relative paths start
// at its folder. An error is always [Errors].
func Parse(name string, data []byte) (*Config, error) {
	c := Default()
	source, errs := document.ReadOne(name, data)
	if source != nil {
		c.source = source
		errs = append(errs, c.decode(source.Root)...)
		c.resolvePaths(filepath.Dir(name))

		// A value that could not be read still has its default, which is no second error.
		for _, e := range c.check() {
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

// resolvePaths makes relative paths start at a folder.
func (c *Config) resolvePaths(folder string) {
	paths := []*string{&c.DataDir, &c.Store.PasswordFile, &c.Replica.CA}
	for _, tls := range []*TLS{&c.Store.TLS, &c.API.TLS, &c.OpenFlow.TLS, &c.OVSDB.TLS} {
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
