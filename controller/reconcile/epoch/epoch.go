// Package epoch counts who has kept a switch, one after the other.
//
// The epoch of a cluster stands in Open_vSwitch:external_ids, which exists before anything of ours
// does. Whoever begins to keep the switch raises it, under the lock of the switch's database. Every
// later transaction requires it, and it is the generation id of the OpenFlow role (7.3.9). So what
// an earlier controller sent, or sends when it wakes up, is refused by the switch itself. The
// package is pure.
package epoch

import (
	"maps"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

const prefix = "tapline-epoch-"

// Key is the key of external_ids that has the epoch of a cluster.
func Key(cluster string) string { return prefix + cluster }

// Text is how an epoch is written.
func Text(n uint64) string { return strconv.FormatUint(n, 10) }

// In returns the epoch that a switch shows for a cluster; 0 if there is none, or no number.
func In(snap *vswitch.Snapshot, cluster string) uint64 {
	system := snap.System()
	if system == nil {
		return 0
	}
	text := system.ExternalIDs.Get(Key(cluster))
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || Text(n) != text {
		return 0 // Somebody else has written it.
	}
	return n
}

// Clusters are those that have an epoch on a switch, sorted.
func Clusters(snap *vswitch.Snapshot) (all []string) {
	system := snap.System()
	if system == nil {
		return nil
	}
	for key := range system.ExternalIDs.All() {
		if cluster, is := strings.CutPrefix(key, prefix); is {
			all = append(all, cluster)
		}
	}
	return all
}

// SameBeside reports whether ids of a switch are the same but for epochs.
func SameBeside(a, b vswitch.Pairs) bool {
	if a == b {
		return true
	}
	isEpoch := func(key, _ string) bool { return strings.HasPrefix(key, prefix) }
	was, is := a.Map(), b.Map()
	maps.DeleteFunc(was, isEpoch)
	maps.DeleteFunc(is, isEpoch)
	return maps.Equal(was, is)
}

// Newer reports whether a switch takes a generation for a newer one than another: by their
// distance, as numbers that wrap (OpenFlow 1.3.5, 7.3.9).
func Newer(a, b uint64) bool { return int64(a-b) > 0 }

// Claim is what a session knows of who keeps its switch.
type Claim struct {
	Term uint64 // of the leader; 0: there are no replicas
	Own  uint64 // the epoch that the session has taken; 0: none yet
	// Held says that the session has seen or set its epoch since it holds the lock, and has held
	// the lock ever since.
	Held bool
	// Above is a generation that the switch has seen, which the epoch must exceed; 0: none.
	Above uint64
}

// Next returns the epoch that the switch is to have, where it shows shown. It is false if a newer
// leader has taken the switch.
func (c Claim) Next(shown uint64) (uint64, bool) {
	next := max(c.Own, 1)
	switch {
	case c.Own == 0:
		next = max(c.Term, shown+1, 1)
	case shown <= c.Own: // As it should be, or somebody has removed it.
	case c.Term > 0 && !c.Held:
		return 0, false
	default:
		// A controller without replicas has lost the switch for a while, or somebody has written
		// the epoch by hand.
		next = max(shown+1, 1)
	}

	if c.Above > 0 && !Newer(next, c.Above) {
		next = max(c.Above+1, 1)
	}
	return next, true
}

// Doubtful reports whether an epoch that a new leader is about to take suggests that there is a
// newer one: it exceeds the leader's term. It also does where the counter of terms went back.
func (c Claim) Doubtful(next uint64) bool { return c.Term > 0 && c.Own == 0 && next > c.Term }
