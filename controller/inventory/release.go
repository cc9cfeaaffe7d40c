package inventory

import (
	"slices"
	"strconv"
	"strings"
)

// release is a version of Open vSwitch by its first three numbers.
type release [3]int

// parseRelease reads a version such as 2.17.8 or 3.5.0-dev; false if it is none.
func parseRelease(version string) (r release, ok bool) {
	core, _, _ := strings.Cut(version, "-")
	for i, part := range strings.SplitN(core, ".", len(r)+1) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return release{}, false
		}
		if i < len(r) {
			r[i] = n
		}
	}
	return r, true
}

func (r release) before(other release) bool { return slices.Compare(r[:], other[:]) < 0 }

// olderThan reports whether a version is before a release.
func olderThan(version string, r release) verdict {
	got, ok := parseRelease(version)
	if !ok {
		return untold
	}
	return verdictOf(got.before(r))
}

// CopiesChangedPackets reports whether a version of Open vSwitch mirrors a packet once more after
// the flows of a bridge have changed it.
func CopiesChangedPackets(version string) bool { return copiesAgain(version) == yes }

// copiesAgain is [CopiesChangedPackets], and tells where a version cannot be read. The change was
// also made in some maintenance releases, which have the right cached flows too.
func copiesAgain(version string) verdict {
	r, ok := parseRelease(version)
	if !ok {
		return untold
	}

	first, maintained := map[[2]int]release{
		{2, 17}: {2, 17, 8}, {3, 0}: {3, 0, 5}, {3, 1}: {3, 1, 3},
	}[[2]int{r[0], r[1]}]
	if maintained {
		return verdictOf(!r.before(first))
	}
	return verdictOf(!r.before(release{3, 2, 0}))
}
