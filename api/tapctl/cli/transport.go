package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// httpClient returns the HTTP client for the flags of the connection.
func (a *App) httpClient() (*http.Client, error) {
	config, err := a.tlsConfig()
	if err != nil {
		return nil, err
	}

	var transport http.RoundTripper = &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		DisableKeepAlives: true, // A call sends few requests; no connection must outlive it.
		TLSClientConfig:   config,
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

func (a *App) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}

	if ca := format.First(a.connection.caFile, a.Env("TAPLINE_CA_FILE")); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, &advice.Error{Err: fmt.Errorf("--ca-file: %w", err)}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, advice.New("", "--ca-file %s holds no certificate in PEM form", ca)
		}
	}

	cert := format.First(a.connection.certFile, a.Env("TAPLINE_CERT_FILE"))
	key := format.First(a.connection.keyFile, a.Env("TAPLINE_KEY_FILE"))
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
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
