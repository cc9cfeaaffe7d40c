package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// counterColumns are the wide columns of what has counters.
func counterColumns[T any](of func(T) api.Counters) []column[T] {
	cell := func(text func(api.Counters) string) func(T) string {
		return func(v T) string {
			if c := of(v); c.SampledAt != nil {
				return text(c)
			}
			return ""
		}
	}
	return []column[T]{
		{title: "CAPTURED", wide: true, value: cell(func(c api.Counters) string { return packets(c.Captured.Packets, c.Captured.Bytes) })},
		{title: "DELIVERED", wide: true, value: cell(func(c api.Counters) string {
			if c.Delivered == nil {
				return ""
			}
			return packets(c.Delivered.Packets, c.Delivered.Bytes)
		})},
		{title: "LOST", wide: true, value: cell(func(c api.Counters) string {
			if c.Lost == nil {
				return ""
			}
			return strconv.FormatUint(c.Lost.Packets, 10)
		})},
		{title: "RATE", wide: true, value: cell(func(c api.Counters) string { return rates(c.Captured) })},
	}
}

// counterText is counters as lines for people.
func counterText(c api.Counters) string {
	if c.SampledAt == nil {
		return "nothing was read yet"
	}
	lines := []string{"captured   " + flowing(c.Captured)}
	if c.Guarded.Packets > 0 {
		lines = append(lines, "guarded    "+packets(c.Guarded.Packets, c.Guarded.Bytes)+" of the tunnels, left out")
	}
	if c.Delivered != nil && c.Lost != nil {
		lines = append(lines, "delivered  "+flowing(*c.Delivered), "lost       "+packets(c.Lost.Packets, c.Lost.Bytes))
	} else {
		lines = append(lines, "delivered  cannot be told from other flows of the same host")
	}
	if c.Shared {
		lines = append(lines, "shared     with other flows from the same bridge to the same service")
	}
	return strings.Join(append(lines, "read at    "+c.SampledAt.UTC().Format(time.RFC3339)), "\n")
}

func flowing(f api.Flowing) string { return packets(f.Packets, f.Bytes) + ", " + rates(f) }

func packets(n, bytes uint64) string { return fmt.Sprintf("%d (%s)", n, scaled(float64(bytes), "B")) }

func rates(f api.Flowing) string {
	return scaled(f.PacketsPerSecond, "p/s") + ", " + scaled(f.BitsPerSecond, "bit/s")
}

// scaled is a number with an SI prefix and three digits.
func scaled(n float64, unit string) string {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E"}
	at := 0
	for n >= 999.5 && at < len(prefixes)-1 {
		n, at = n/1000, at+1
	}
	digits := 0
	if at > 0 && n < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + " " + prefixes[at] + unit
}
