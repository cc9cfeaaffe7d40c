// Package wirekey derives the keys of tunnel packets.
//
// A key is the tun_id of a packet: the key of a GRE header (RFC 2890) or a VNI (RFC 7348). It is
// derived from the cluster's secret, the sending host and the index of a service. So it looks
// random to everybody else, and differs for each pair of host and service. Both ends compute the
// same, and a controller that restarts finds the keys that stand.
//
// For each host, the keys are a permutation of all indexes of their width, so no two services share
// a key. The permutation is a Feistel network with keyed SHA-256 as its round function.
//
// A tunnel port of somebody else may have the same key. It does no harm, because copies never share
// an encapsulation with such a port: what it sends arrives at another port of the tap bridge, where
// no flow accepts it.
package wirekey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Probe is the index of a host's probes. Services have indexes from 1 on: see [tap.Service].Key.
const Probe = 0

// rounds is twice the number of rounds from which such a network counts as secure (Luby and
// Rackoff, 1988).
const rounds = 8

// Of returns the key of what a host sends for an index. The width is in bits, and even. Without a
// secret the key is the index itself, and an index that does not fit the width stays as it is.
func Of(secret []byte, sender string, width uint, index uint32) uint32 {
	if len(secret) == 0 || uint64(index)>>width != 0 {
		return index
	}

	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte{byte(width)})
	mac.Write([]byte(sender))
	hostKey := mac.Sum(nil)

	half := width / 2
	mask := uint32(1)<<half - 1
	left, right := index>>half, index&mask
	for round := range rounds {
		left, right = right, left^roundFunction(hostKey, byte(round), right)&mask
	}

	return left<<half | right
}

func roundFunction(key []byte, round byte, half uint32) uint32 {
	block := make([]byte, 0, sha256.Size+5)
	block = append(block, key...)
	block = append(block, round)
	block = binary.BigEndian.AppendUint32(block, half)
	sum := sha256.Sum256(block)
	return binary.BigEndian.Uint32(sum[:])
}
