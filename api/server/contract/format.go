package contract

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// maxWait is the longest time that a request may wait for a status.
const maxWait = 5 * time.Minute

// formats returns the string formats of the document that OpenAPI does not define.
func formats() map[string]openapi3.StringFormatValidator {
	timestamp := func(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) }
	moment := func(s string) (time.Time, error) { return ParseTime(s, time.Now()) }

	return map[string]openapi3.StringFormatValidator{
		"mac":       formatOf(ParseMAC),
		"ip":        formatOf(ParseIP),
		"ovsdb":     openapi3.NewCallbackValidator(checkOVSDB),
		"date-time": formatOf(timestamp),
		"when":      formatOf(moment),
		"wait":      formatOf(parseWait),
	}
}

// formatOf returns a format that accepts what parse does.
func formatOf[T any](parse func(string) (T, error)) openapi3.StringFormatValidator {
	return openapi3.NewCallbackValidator(func(s string) error {
		_, err := parse(s)
		return err
	})
}

// ParseMAC parses the MAC address of a NIC: neither all zero nor a group address.
func ParseMAC(s string) (tap.MAC, error) {
	m, err := tap.ParseMAC(s)
	if err != nil {
		return tap.MAC{}, err
	}

	if m.IsZero() || m.IsMulticast() {
		return tap.MAC{}, fmt.Errorf(
			"%q is not the address of a NIC: want a unicast address such as 52:54:00:12:34:56", s)
	}
	return m, nil
}

// ParseIP parses the address of a NIC or tunnel: unicast, and without a zone.
func ParseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf(
			"%q is not the IP address of a NIC: want a unicast address such as 192.0.2.10", s)
	}

	return a.Unmap(), nil
}

// checkOVSDB accepts an active connection method of ovsdb(7).
func checkOVSDB(s string) error {
	method, rest, _ := strings.Cut(s, ":")

	switch method {
	case "unix":
		if rest != "" {
			return nil
		}
	case "tcp", "ssl":
		host, port, err := net.SplitHostPort(rest)
		n, numErr := strconv.ParseUint(port, 10, 16)
		validHost := host != "" && !strings.ContainsAny(host, " /%")
		if err == nil && numErr == nil && validHost && n != 0 {
			return nil
		}
	}

	return fmt.Errorf(
		"%q is not an OVSDB connection method: want tcp:IP:PORT, ssl:IP:PORT or unix:PATH", s)
}

func parseWait(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxWait {
		return 0, fmt.Errorf("%q is not a duration from 0s to 5m such as 10s or 1m30s", s)
	}

	return d, nil
}

// ParseTime parses a point in time: RFC 3339, or a duration before now such as 12h or 7d. The zero
// time stands for "".
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}

	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}

	return time.Time{}, errors.New(
		"want a time such as 2026-11-30T08:00:00Z, or how long ago, such as 30m, 12h or 7d")
}
