package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// DefaultPort is the port of OVSDB (RFC 7047, 7).
const DefaultPort = 6640

// Target is a parsed connection method of ovsdb(7).
type Target struct {
	Network string // "tcp" or "unix"
	Address string // "host:port" or a path
	TLS     bool
}

// ParseTarget reads tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH. An IPv6
// address stands in brackets. The port defaults to 6640.
func ParseTarget(target string) (Target, error) {
	kind, rest, _ := strings.Cut(target, ":")
	if kind == "unix" && rest != "" {
		return Target{Network: "unix", Address: rest}, nil
	}
	if kind != "tcp" && kind != "ssl" || rest == "" {
		return Target{},
			fmt.Errorf("OVSDB target %q is none of tcp:HOST[:PORT], ssl:HOST[:PORT], unix:PATH",
				target)
	}

	host, port, err := net.SplitHostPort(rest)
	if err != nil { // no port
		host, port = rest, strconv.Itoa(DefaultPort)
		inner, bracketed := strings.CutPrefix(rest, "[")
		if bracketed {
			host, bracketed = strings.CutSuffix(inner, "]")
		}

		if bracketed != strings.Contains(host, ":") || strings.ContainsAny(host, "[]") {
			return Target{},
				fmt.Errorf("OVSDB target %q: write an IPv6 address in brackets, as %s:[::1]:%d",
					target, kind, DefaultPort)
		}
	}

	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return Target{}, fmt.Errorf("OVSDB target %q: want a host, and a port of 1 to 65535",
			target)
	}

	return Target{Network: "tcp", Address: net.JoinHostPort(host, port), TLS: kind == "ssl"}, nil
}

// Dial connects to a target such as tcp:192.0.2.1:6640, ssl:[::1]:6640 or
// unix:/run/openvswitch/db.sock. ctx bounds the connecting and the handshake
// only.
func Dial(ctx context.Context, target string, opts Options) (*Conn, error) {
	t, err := ParseTarget(target)
	if err != nil {
		return nil, err
	}
	if t.TLS && opts.TLS == nil {
		return nil, fmt.Errorf("OVSDB target %s needs Options.TLS", target)
	}

	opts = opts.withDefaults()
	nc, err := opts.Dial(ctx, t.Network, t.Address)
	if err != nil {
		return nil, fmt.Errorf("OVSDB target %s: %w", target, err)
	}

	if t.TLS {
		config := opts.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(t.Address)
		}
		nc = tls.Client(nc, config)
	}

	opts.TLS = nil
	c, err := New(ctx, nc, opts)
	if err != nil {
		return nil, fmt.Errorf("OVSDB target %s: %w", target, err)
	}

	return c, nil
}

// ChainOnly returns a copy of config with which a peer needs a certificate
// that leads to config.RootCAs (or ClientCAs, on the server's side), whatever
// its name: what Open vSwitch itself demands, and all that certificates of
// ovs-pki(8), which carry no host name, can give.
func ChainOnly(config *tls.Config) *tls.Config {
	config = config.Clone()
	roots := config.RootCAs
	if roots == nil {
		roots = config.ClientCAs
	}

	config.InsecureSkipVerify = true // replaced by VerifyConnection
	if config.ClientAuth == tls.RequireAndVerifyClientCert {
		config.ClientAuth = tls.RequireAnyClientCert
	}

	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("peer shows no certificate")
		}

		rest := x509.NewCertPool()
		for _, cert := range state.PeerCertificates[1:] {
			rest.AddCert(cert)
		}

		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: rest, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		return err
	}
	return config
}
