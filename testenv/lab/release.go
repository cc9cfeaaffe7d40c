//go:build linux

package lab

import (
	"fmt"

	"github.com/tapline-sdn/tapline/testenv/release"
)

// WithReleases has the hosts run releases of Open vSwitch that testenv/releases.sh has unpacked,
// such as "2.15", or release.System for what is installed: the first host the first one, and so on,
// from the beginning again if there are more hosts.
func WithReleases(names ...string) Option {
	return func(c *Config) { c.Releases = names }
}

// release finds the release that a host runs, by the index of the host, from 1.
func (c Config) release(index int) (release.Release, error) {
	if len(c.Releases) == 0 {
		return release.Release{}, nil
	}
	return release.Find(c.Releases[(index-1)%len(c.Releases)])
}

// checkReleases says which release is missing.
func (c Config) checkReleases() error {
	for i := range c.Releases {
		if _, err := c.release(i + 1); err != nil {
			return fmt.Errorf("lab %s: %w", c.Name, err)
		}
	}
	return nil
}

// Release is the version of Open vSwitch that the host runs, such as 3.5.0, or release.System.
func (h *Host) Release() string {
	if h.Switch.release.Version == "" {
		return release.System
	}
	return h.Switch.release.Version
}
