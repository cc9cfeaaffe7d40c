package mirror

import "github.com/tapline-sdn/tapline/plugin/tap"

// portNumbers assigns OpenFlow port numbers on the tap bridge. A port requests a number that
// depends on its name, so that flows need not wait for the switch's answer. Flows use the number
// that the switch has assigned; where that is another one, the port still requests its own.
type portNumbers struct {
	seen      map[string]uint32
	requested map[string]uint32
	used      map[uint32]bool
}

const (
	// Requested numbers lie where the switch assigns none by itself while it has few ports;
	// OFPP_MAX is 0xff00.
	firstPort = 0x1000
	lastPort  = 0xefff

	// maxShift is how far a port's number may lie behind the number of its name. It had to move
	// there because the numbers between were in use, and it stays when they are free again.
	maxShift = 64
)

func newPortNumbers(h *tap.Host) *portNumbers {
	n := &portNumbers{
		seen:      make(map[string]uint32, len(h.TapPorts)),
		used:      make(map[uint32]bool, len(h.TapPorts)),
		requested: map[string]uint32{},
	}

	for _, port := range h.TapPorts {
		if port.OFPort > 0 {
			n.seen[port.Name] = port.OFPort
			n.used[port.OFPort] = true
		}
	}

	return n
}

// current is the number that a port has, or else the one that it requests.
func (n *portNumbers) current(name string) uint32 {
	if number, ok := n.seen[name]; ok {
		return number
	}
	return n.request(name)
}

// request is the number that a port requests.
func (n *portNumbers) request(name string) uint32 {
	if number, ok := n.requested[name]; ok {
		return number
	}

	const size = lastPort - firstPort + 1
	preferred := hash32(name) % size
	number := n.seen[name]
	inRange := firstPort <= number && number <= lastPort
	if !inRange || (number-firstPort+size-preferred)%size > maxShift {
		number = n.nextFree(firstPort + preferred)
	}

	n.requested[name] = number
	n.used[number] = true
	return number
}

// nextFree is the first number from a given one on that no port uses.
func (n *portNumbers) nextFree(number uint32) uint32 {
	for n.used[number] {
		if number++; number > lastPort {
			number = firstPort
		}
	}
	return number
}
