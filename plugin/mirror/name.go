package mirror

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Owners other than captures and services.
const (
	ownerBridge = tap.OwnerBridge // the tap bridge itself and its guard flows
	ownerTunnel = "tunnel"        // the GRE port
	ownerVXLAN  = "tunnel-vxlan"  // the VXLAN port
)

// The tag of a capture or a service stands in metadata and, below the magic, in cookies:
//
//	 63            48 47      32 31                         0
//	+----------------+----------+----------------------------+
//	| 0x7461 ("ta")  |   kind   |  hash of the owner's name  |
//	+----------------+----------+----------------------------+
//	 cookies only     \------------ metadata ---------------/
const (
	cookieMagic = 0x7461 << 48

	kindBridge  = 1
	kindCapture = 2
	kindService = 3
)

func hash32(s string) uint32 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint32(sum[:])
}

func tag(kind uint64, owner string) uint64 { return kind<<32 | uint64(hash32(owner)) }

func cookie(tag uint64) openflow.Cookie { return openflow.Cookie(cookieMagic | tag) }

// captureID names the capture of a source bridge for a service, with the same options. Hosts may
// have captures of the same id, since an owner is always named together with its host.
func captureID(bridge, service string, options tap.Options) string {
	key := bridge + "\x00" + service
	if options != (tap.Options{}) {
		key += fmt.Sprintf("\x00%d %d %d %s", options.Snaplen, options.Sample, options.Tag,
			options.Filter)
	}
	return fmt.Sprintf("capture-%08x", hash32(key))
}

// Port and mirror names fit IFNAMSIZ (15 characters and a NUL).
func captureSuffix(capture string) string { return capture[len("capture-"):] }
func sourcePort(capture string) string    { return "tlm-" + captureSuffix(capture) }
func tapPort(capture string) string       { return "tlt-" + captureSuffix(capture) }

func mirrorName(capture string, group mirrorGroup) string {
	name := "tl-" + captureSuffix(capture)
	if group == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, group)
}

// captureOfMirror is the reverse of mirrorName.
func captureOfMirror(mirror string) string {
	suffix, _, _ := strings.Cut(strings.TrimPrefix(mirror, "tl-"), "-")
	return "capture-" + suffix
}
