//go:build linux

package e2e

import (
	"os"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
	"github.com/tapline-sdn/tapline/testenv/release"
)

// otherRelease is the release on which make test runs a small part. make test-releases runs all of
// them.
const otherRelease = "3.5"

// TestOtherRelease runs a part of TestShared with another release at the source and the installed
// one at the collector.
func TestOtherRelease(t *testing.T) {
	if os.Getenv(release.Variable) != "" {
		t.Skipf("%s chooses the releases", release.Variable)
	}

	s := newStage(t, lab.WithReleases(otherRelease, release.System))
	remote := s.collectors()["remote"]
	for _, direction := range []string{"BOTH", "IN", "OUT"} {
		s.run(t, "vnic "+direction, func(t *testing.T) { s.mirrorVNIC(t, remote(t), direction) })
		s.run(t, "vswitch "+direction, func(t *testing.T) {
			s.mirrorVSwitch(t, remote(t), direction)
		})
	}

	s.run(t, "vlan", func(t *testing.T) { s.mirrorVLAN(t, remote(t)) })
	t.Run("Drift", func(t *testing.T) { s.drift(t, 6) })
}
