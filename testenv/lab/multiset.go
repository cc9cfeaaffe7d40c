//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Multiset counts whole frames: what was sent must arrive byte by byte and the
// same number of times, in whatever order.
type Multiset map[string]int

// MultisetOf counts frames.
func MultisetOf(frames [][]byte) Multiset {
	m := Multiset{}
	for _, frame := range frames {
		m[string(frame)]++
	}
	return m
}

// Len is the number of frames.
func (m Multiset) Len() int {
	total := 0
	for _, n := range m {
		total += n
	}
	return total
}

// maxDiffLines bounds how many frames Diff prints.
const maxDiffLines = 20

// Diff says how got differs from want; "" if it does not.
func Diff(want, got Multiset) string {
	type line struct {
		frame      string
		want, have int
	}
	var lines []line
	all := maps.Clone(want)
	if all == nil {
		all = Multiset{}
	}

	maps.Copy(all, got)
	for frame := range all {
		if want[frame] != got[frame] {
			lines = append(lines, line{frame, want[frame], got[frame]})
		}
	}

	if len(lines) == 0 {
		return ""
	}

	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.frame, b.frame) })
	var out strings.Builder
	fmt.Fprintf(&out, "want %d frames, got %d; %d different frames differ in number:\n", want.Len(),
		got.Len(), len(lines))

	for i, l := range lines {
		if i == maxDiffLines {
			fmt.Fprintf(&out, "  ... and %d more\n", len(lines)-i)
			break
		}
		fmt.Fprintf(&out, "  want %d, got %d: %s\n", l.want, l.have, Describe([]byte(l.frame)))
	}

	return out.String()
}

// Describe is a frame in one line.
func Describe(frame []byte) string {
	if len(frame) < ethernetLen {
		return fmt.Sprintf("%d bytes %x", len(frame), frame)
	}

	var out strings.Builder
	fmt.Fprintf(&out, "%s > %s", MAC(frame[6:12]), MAC(frame[:6]))
	if vlan := VLANOf(frame); vlan != 0 {
		fmt.Fprintf(&out, " vlan %d", vlan)
	}

	if tag, seq, ok := Sequence(frame); ok {
		fmt.Fprintf(&out, " udp tag %d seq %d", tag, seq)
	} else {
		fmt.Fprintf(&out, " %x", frame[12:min(len(frame), 54)])
	}

	fmt.Fprintf(&out, ", %d bytes", len(frame))
	return out.String()
}
