package reconcile

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// nonceKey is the key of Bridge:other_config that a switch shows by OpenFlow as well, as the
// datapath description of OFPMP_DESC (ovs-vswitchd.conf.db(5); OpenFlow 1.3.5, 7.3.5.1).
const nonceKey = "dp-desc"

// nonceForm is that of a nonce: 128 random bits.
var nonceForm = regexp.MustCompile(`^tapline [0-9a-f]{32}$`)

func isNonce(s string) bool { return nonceForm.MatchString(s) }

// NewNonce returns a value by which the switch of a host can be known: only who reads the host's
// database, or its OpenFlow description, has seen it.
func NewNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return "tapline " + hex.EncodeToString(b[:])
}

// NonceIn returns the nonce that a switch's database shows for our tap bridge, or "".
func NonceIn(snap *vswitch.Snapshot, self Self, tapBridge string) string {
	bridge, exists := snap.Bridge(tapBridge)
	if !exists || !self.owns(bridge.ExternalIDs) {
		return ""
	}
	if nonce := bridge.OtherConfig.Get(nonceKey); isNonce(nonce) {
		return nonce
	}
	return ""
}
