package format

import (
	"fmt"
	"strconv"
)

// Scaled is a number with an SI prefix and at most three digits, such as 8.0 kbit/s.
func Scaled(n float64, unit string) string {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	for n >= 999.5 && i < len(prefixes)-1 {
		n, i = n/1000, i+1
	}

	digits := 0
	if i > 0 && n < 99.95 {
		digits = 1
	}

	return strconv.FormatFloat(n, 'f', digits, 64) + " " + prefixes[i] + unit
}

// Packets is a number of packets and their size.
func Packets(n, bytes uint64) string {
	return fmt.Sprintf("%d (%s)", n, Scaled(float64(bytes), "B"))
}
