package meter

import "sort"

// The kernel's datapath counts TCP segments as its devices hand them over: several as one where a
// receiving device merged them (GRO), or where the sender left it to the device to divide them
// (TSO). So the two ends of a tunnel count different packets of the same traffic. What stays the
// same is the payload: each merge takes one packet and the octets of one header away, each division
// adds both. What is missing beyond that is lost.

// Octets of a frame's headers down to TCP's, of which merging takes one away.
const (
	leastHeader = 14 + 20 + 20     // Ethernet, IPv4, TCP
	mostHeader  = 14 + 4 + 40 + 60 // with a VLAN tag, IPv6, and all options of TCP

	// leastSegment is the size of a frame of the smallest segments that are sent in numbers, with
	// the payload that every host takes (RFC 9293, 3.7.1).
	leastSegment = leastHeader + 536

	// leastFrame is the size of the smallest frame.
	leastFrame = 14
	// largestFrame is assumed of the largest frame where it is unknown.
	largestFrame = 9000 + 14 + 4
)

// difference is what one end counts less than the other; it is negative where it counts more.
type difference struct{ packets, bytes int64 }

func (c Count) less(d Count) difference {
	return difference{int64(c.Packets) - int64(d.Packets), int64(c.Bytes) - int64(d.Bytes)}
}

// mergedBytes is how many bytes a number of merges takes away at most; of divisions, which are
// negative merges, it is how many they add at least.
func mergedBytes(merges int64) int64 {
	if merges < 0 {
		return leastHeader * merges
	}
	return mostHeader * merges
}

// beyondMerging returns how many frames of at most a size must be lost at least, so that merging
// and dividing can explain the rest of what is missing of what was sent. late is how many packets
// may be counted as received, and not as sent yet: they hide as many that are missing.
func beyondMerging(sent Count, missing difference, late uint64, largest int64) Count {
	// Headers that merging takes away may be larger than those that dividing adds elsewhere.
	var crossed int64
	if int64(sent.Bytes) > largest*int64(sent.Packets) { // Senders leave dividing to devices.
		crossed = int64(sent.Bytes) / leastSegment * (mostHeader - leastHeader)
	}
	merged := func(lost int64) int64 {
		hidden := int64(late)
		return mergedBytes(missing.packets+hidden-lost) - leastFrame*hidden + crossed
	}
	if missing.bytes <= merged(0) {
		return Count{}
	}

	most := (missing.bytes-merged(0))/(largest-mostHeader) + 1
	lost := int64(sort.Search(int(most), func(lost int) bool {
		return largest*int64(lost)+merged(int64(lost)) >= missing.bytes
	}))

	return Count{Packets: uint64(lost), Bytes: uint64(max(0, missing.bytes-merged(lost)))}
}
