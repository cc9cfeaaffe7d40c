package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

// dialTimeout is how long a connection may take to be made if there is another server to try.
const dialTimeout = 3 * time.Second

// httpClient returns the HTTP client for the settings.
func (a *App) httpClient(s settings) (*http.Client, error) {
	config, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}

	dialer := &net.Dialer{}
	if len(s.servers) > 1 {
		dialer.Timeout = dialTimeout
	}

	var transport http.RoundTripper = &http.Transport{
		DialContext:       dialer.DialContext,
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		DisableKeepAlives: true, // A call sends few requests; no connection must outlive it.
		TLSClientConfig:   config,
	}

	a.failover = nil
	if len(s.servers) > 1 {
		if a.failover, err = newFailover(transport, s.servers); err != nil {
			return nil, &advice.Error{Err: err, Next: "correct --server or TAPLINE_SERVER"}
		}
		transport = a.failover
	}

	switch {
	case a.Transport != nil:
		transport = a.Transport(transport)
	case a.verbose > 0:
		transport = &tracer{next: transport, out: a.Err, bodies: a.verbose > 1}
	default:
		transport = &progressTransport{next: transport, app: a}
	}

	return &http.Client{Transport: &bodyKeeper{next: transport, app: a}}, nil
}

func (s settings) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}

	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, &advice.Error{Err: fmt.Errorf("--ca-file: %w", err)}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, advice.New("", "--ca-file %s holds no certificate in PEM form", s.caFile)
		}
	}

	if s.certFile != "" || s.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
		if err != nil {
			return nil, &advice.Error{
				Err:  fmt.Errorf("--cert-file and --key-file: %w", err),
				Next: "give both, in PEM form",
			}
		}
		config.Certificates = []tls.Certificate{pair}
	}

	return config, nil
}
