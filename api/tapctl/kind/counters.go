package kind

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// counterColumns are the columns of wide tables for resources that have counters.
func counterColumns[T any](of func(T) api.Counters) []format.Column[T] {
	column := func(title string, text func(api.Counters) string) format.Column[T] {
		return format.Column[T]{Title: title, Wide: true, Value: func(v T) string {
			c := of(v)
			if c.SampledAt == nil {
				return ""
			}
			return text(c)
		}}
	}

	return []format.Column[T]{
		column("CAPTURED", func(c api.Counters) string {
			if own := c.ByMAC; own != nil {
				return format.Packets(own.Captured.Packets, own.Captured.Bytes) + " by MAC"
			}
			return format.Packets(c.Captured.Packets, c.Captured.Bytes) + shared(c)
		}),
		column("DELIVERED", func(c api.Counters) string {
			if c.Delivered == nil {
				return ""
			}
			return format.Packets(c.Delivered.Packets, c.Delivered.Bytes) + shared(c)
		}),
		column("LOST", func(c api.Counters) string {
			if c.Lost == nil {
				return ""
			}
			return atLeast(c) + strconv.FormatUint(c.Lost.Packets, 10) + shared(c)
		}),
		column("RATE", func(c api.Counters) string {
			if own := c.ByMAC; own != nil {
				return rates(own.Captured) + " by MAC"
			}
			return rates(c.Captured) + shared(c)
		}),
	}
}

// shared is the mark of a number that includes other tap flows.
func shared(c api.Counters) string {
	if c.Shared {
		return " shared"
	}
	return ""
}

// atLeast is the mark of a number that is a lower bound.
func atLeast(c api.Counters) string {
	if c.Merging {
		return ">="
	}
	return ""
}

// CounterText is counters as lines for people.
func CounterText(c api.Counters) string {
	if c.SampledAt == nil {
		return "not read from the switches yet"
	}

	lines := []string{"captured   " + Traffic(c.Captured)}
	if c.Guarded.Packets > 0 {
		guarded := format.Packets(c.Guarded.Packets, c.Guarded.Bytes)
		lines = append(lines, "guarded    "+guarded+" of tunnel traffic, left out")
	}

	if c.Filtered.Packets > 0 {
		filtered := format.Packets(c.Filtered.Packets, c.Filtered.Bytes)
		lines = append(lines, "filtered   "+filtered+" left out by the filter, the sample or dedup")
	}
	if c.Limited != nil && c.Limited.Packets > 0 {
		limited := format.Packets(c.Limited.Packets, c.Limited.Bytes)
		lines = append(lines, "limited    "+limited+" dropped by the rate limit")
	}

	if c.Delivered == nil {
		lines = append(lines, "delivered  not known: tap flows of the same host share the counter")
	} else {
		lines = append(lines, "delivered  "+Traffic(*c.Delivered))
	}

	switch {
	case c.Lost != nil:
		lines = append(lines, "lost       "+atLeast(c)+format.Packets(c.Lost.Packets, c.Lost.Bytes))
	case c.Merging:
		lines = append(lines,
			"lost       not known: switches merge or divide TCP segments before they count them")
	}

	if c.Shared {
		lines = append(lines,
			"shared     with other tap flows from this bridge to this tap service")
		lines = append(lines, ownLines(c.ByMAC)...)
	}

	if c.Cut != nil {
		lines = append(lines, fmt.Sprintf("cut        to %d octets, not counted how many: %s",
			c.Cut.Size, c.Cut.Reason))
	}

	lines = append(lines, "read at    "+format.Time(*c.SampledAt))
	return strings.Join(lines, "\n")
}

// ownLines is what is a tap flow's own of shared counters.
func ownLines(own *api.ByMAC) []string {
	if own == nil {
		return nil
	}

	lines := []string{"by MAC     of all that, the address of its NIC has " + Traffic(own.Captured)}
	if own.Selected != nil {
		lines = append(lines, "           of these, the filter selects "+
			format.Packets(own.Selected.Packets, own.Selected.Bytes))
	}
	if n := own.Unexplained; n.Packets > 0 {
		lines = append(lines, "           and "+format.Packets(n.Packets, n.Bytes)+
			" have the address of no NIC that is mirrored here")
	}
	return lines
}

// Traffic is a count of packets and its rates.
func Traffic(f api.Flowing) string {
	return format.Packets(f.Packets, f.Bytes) + ", " + rates(f)
}

func rates(f api.Flowing) string {
	return format.Scaled(f.PacketsPerSecond, "p/s") + ", " + format.Scaled(f.BitsPerSecond, "bit/s")
}
