// Package release finds the releases of Open vSwitch and OVN that testenv/releases.sh has unpacked
// beside the system: one folder ovs-VERSION each. It downloads nothing.
package release

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// DefaultDir is where make puts the releases.
const DefaultDir = "/var/cache/tapline-lab"

// Variable names the releases that a lab's hosts run, in order and from the first one again:
// "2.15,3.5". The release "system" is what is installed.
const Variable = "TAPLINE_LAB_OVS"

// System is the name of the release that is installed.
const System = "system"

// Release is a release of Open vSwitch. Its zero value is the one that is installed.
type Release struct {
	Version string `json:"version,omitempty"` // such as 3.5.0
	Dir     string `json:"dir,omitempty"`     // holds programs and usr/share
}

// FromEnvironment reads Variable. It is nil if that is not set.
func FromEnvironment() ([]string, error) {
	value := os.Getenv(Variable)
	if value == "" {
		return nil, nil
	}

	names := strings.Split(value, ",")
	for _, name := range names {
		if _, err := Find(name); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", Variable, value, err)
		}
	}

	return names, nil
}

// Find finds a release by the first parts of its version, such as 3.5; of several it takes the
// newest. The names "" and System mean what is installed.
func Find(name string) (Release, error) {
	if name == "" || name == System {
		return Release{}, nil
	}

	dirs, err := filepath.Glob(filepath.Join(DefaultDir, "ovs-*", "programs"))
	if err != nil {
		return Release{}, err
	}

	var found Release
	for _, programs := range dirs {
		dir := filepath.Dir(programs)
		version := strings.TrimPrefix(filepath.Base(dir), "ovs-")
		matches := version == name || strings.HasPrefix(version, name+".")
		if matches && compare(version, found.Version) > 0 {
			found = Release{Version: version, Dir: dir}
		}
	}

	if found.Dir == "" {
		return found, fmt.Errorf("release %s of Open vSwitch is not in %s: make releases",
			name, DefaultDir)
	}
	return found, nil
}

// Program is the path of a program of the release; false if it has none, or is the installed one.
func (r Release) Program(name string) (path string, ok bool) {
	if r.Dir == "" {
		return "", false
	}
	path = filepath.Join(r.programs(), name)
	_, err := os.Stat(path)
	return path, err == nil
}

// Env makes the plain commands of Open vSwitch and OVN those of the release.
func (r Release) Env() []string {
	if r.Dir == "" {
		return nil
	}
	return []string{"PATH=" + r.programs() + ":" + os.Getenv("PATH"),
		"OVS_PKGDATADIR=" + filepath.Join(r.Dir, "usr/share/openvswitch"),
		"OVN_PKGDATADIR=" + filepath.Join(r.Dir, "usr/share/ovn")}
}

// SchemaFile is the schema of the Open_vSwitch database; "" for what is installed.
func (r Release) SchemaFile() string {
	if r.Dir == "" {
		return ""
	}
	return filepath.Join(r.Dir, "usr/share/openvswitch/vswitch.ovsschema")
}

func (r Release) programs() string { return filepath.Join(r.Dir, "programs") }

// compare orders versions by their numbers, from the first.
func compare(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(version string) (parts []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // What is no number counts as 0.
		parts = append(parts, n)
	}
	return parts
}
