package mirror

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// probeIndex is the index of a host's probes. Services have indexes from 1 on (see
// [tap.Service].Key).
const probeIndex = 0

// A wireKey is the tun_id of tunnel packets. It is derived from the cluster's secret, the sending
// host and the index of a service, so that it looks random to everybody else and differs for each
// pair of host and service. Both ends compute the same.
//
// For each host it is a permutation of all indexes of its width, so that no two services share a
// key: a Feistel network with keyed SHA-256 as its round function.
//
// A tunnel port of somebody else may have the same key. It does no harm, since copies never share an
// encapsulation with such a port (see [world.encapsulate]): what it sends arrives at another port of
// the tap bridge, where no flow accepts it.

// wireKeyRounds is twice the number of rounds from which such a network counts as secure (Luby and
// Rackoff, 1988).
const wireKeyRounds = 8

// wireKey returns the tun_id of what a host sends for an index. Without a secret it is the index
// itself. The width is in bits, and even; an index that does not fit stays as it is.
func (w *world) wireKey(sender string, width uint, index uint32) uint32 {
	if len(w.secret) == 0 || uint64(index)>>width != 0 {
		return index
	}

	mac := hmac.New(sha256.New, w.secret)
	mac.Write([]byte{byte(width)})
	mac.Write([]byte(sender))
	hostKey := mac.Sum(nil)

	half := width / 2
	mask := uint32(1)<<half - 1
	left, right := index>>half, index&mask
	for round := range wireKeyRounds {
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
