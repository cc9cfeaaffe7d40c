package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api/client"
)

const (
	defaultServer = "http://127.0.0.1:8640"
	systemDir     = "/var/lib/tapline"
	tokenFile     = "admin.token"
)

// connection says where the controller is and who we are. Each value is that of its flag, else of its variable.
type connection struct {
	server, token, tokenFile  string
	caFile, certFile, keyFile string
}

func (c *connection) bind(flags *pflag.FlagSet) {
	flags.StringVar(&c.server, "server", "", "URL of the controller (TAPLINE_SERVER; default "+defaultServer+")")
	flags.StringVar(&c.token, "token", "", "token (TAPLINE_TOKEN); other users of this machine can see it in the list of processes")
	flags.StringVar(&c.tokenFile, "token-file", "", "file with the token (TAPLINE_TOKEN_FILE; default admin.token in the controller's data directory)")
	flags.StringVar(&c.caFile, "ca-file", "", "certificates that vouch for the controller (TAPLINE_CA_FILE; default those of the system)")
	flags.StringVar(&c.certFile, "cert-file", "", "our certificate, if the controller asks for one (TAPLINE_CERT_FILE)")
	flags.StringVar(&c.keyFile, "key-file", "", "key of --cert-file (TAPLINE_KEY_FILE)")
}

func (c *connection) client(a *App) (*client.Client, error) {
	server := first(c.server, a.Env("TAPLINE_SERVER"), defaultServer)
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	token, err := c.findToken(a)
	if err != nil {
		return nil, err
	}
	hc, err := c.httpClient(a)
	if err != nil {
		return nil, err
	}
	cl, err := client.New(client.Config{Server: server, Token: token, HTTPClient: hc, UserAgent: "tapctl/" + a.Version})
	if err != nil {
		return nil, &localError{err: err, next: "correct --server, --token or their variables"}
	}
	return cl, nil
}

// findToken looks at the flags, then at the variables, then at the files that a controller writes by default.
func (c *connection) findToken(a *App) (string, error) {
	var path string
	switch {
	case c.token != "":
		return c.token, nil
	case c.tokenFile != "":
		path = c.tokenFile
	case a.Env("TAPLINE_TOKEN") != "":
		return a.Env("TAPLINE_TOKEN"), nil
	default:
		path = a.Env("TAPLINE_TOKEN_FILE")
	}
	if path != "" {
		token, err := readToken(path)
		if err != nil {
			return "", &localError{err: err, next: "name the controller's admin.token with --token-file or TAPLINE_TOKEN_FILE"}
		}
		return token, nil
	}
	paths := defaultTokenFiles(a)
	for _, path := range paths {
		token, err := readToken(path)
		if err == nil {
			return token, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", &localError{err: err, next: "run as the user of the controller, or give a token with --token-file or --token"}
		}
	}
	if first(c.certFile, a.Env("TAPLINE_CERT_FILE")) != "" {
		return "", nil // The certificate may have a role of its own (client_roles).
	}
	return "", &localError{
		err:  fmt.Errorf("no token: there is no %s", strings.Join(paths, " and no ")),
		next: "give the controller's admin.token with --token-file or TAPLINE_TOKEN_FILE, or its content with TAPLINE_TOKEN",
	}
}

// defaultTokenFiles are in the default data directories of a controller.
func defaultTokenFiles(a *App) []string {
	var paths []string
	state := a.Env("XDG_STATE_HOME")
	if !filepath.IsAbs(state) && a.Env("HOME") != "" { // a relative one is invalid and ignored (XDG Base Directory 0.8)
		state = filepath.Join(a.Env("HOME"), ".local", "state")
	}
	if filepath.IsAbs(state) {
		paths = append(paths, filepath.Join(state, "tapline", tokenFile))
	}
	if a.Root || len(paths) == 0 {
		paths = append(paths, filepath.Join(systemDir, tokenFile))
	}
	return paths
}

func readToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the token file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("the token file %s is empty", path)
	}
	return token, nil
}

func (c *connection) httpClient(a *App) (*http.Client, error) {
	ca := first(c.caFile, a.Env("TAPLINE_CA_FILE"))
	cert, key := first(c.certFile, a.Env("TAPLINE_CERT_FILE")), first(c.keyFile, a.Env("TAPLINE_KEY_FILE"))
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		DisableKeepAlives: true, // a command sends few requests; its connections must not outlive it
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, &localError{err: fmt.Errorf("--ca-file: %w", err)}
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &localError{err: fmt.Errorf("--ca-file %s holds no certificate in PEM form", ca)}
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, &localError{err: fmt.Errorf("--cert-file and --key-file: %w", err), next: "give both, in PEM form"}
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	if a.keep != nil {
		a.keep.next = transport
		return &http.Client{Transport: a.keep}, nil
	}
	if a.verbose > 0 {
		return &http.Client{Transport: &tracer{next: transport, out: a.Err, bodies: a.verbose > 1}}, nil
	}
	return &http.Client{Transport: &patient{next: transport, app: a}}, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
