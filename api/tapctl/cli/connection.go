package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

const (
	defaultServer = "http://127.0.0.1:8640"
	systemDir     = "/var/lib/tapline"
	tokenFile     = "admin.token"
)

// connection says where the controller is and who calls. Each value comes from its flag or, without
// the flag, from its environment variable.
type connection struct {
	context                   string
	server, token, tokenFile  string
	caFile, certFile, keyFile string
}

func (c *connection) bind(flags *pflag.FlagSet) {
	flags.StringVar(&c.context, "context", "",
		"context of the client file to use; see the command config")

	flags.StringVar(&c.server, "server", "",
		"URL of the controller, or several, separated by commas, of which the first that can be "+
			"reached is used (TAPLINE_SERVER; default "+defaultServer+")")

	flags.StringVar(&c.token, "token", "",
		"token (TAPLINE_TOKEN); other users of this machine can see it in the process list")
	flags.StringVar(&c.tokenFile, "token-file", "",
		"file that holds the token (TAPLINE_TOKEN_FILE; default admin.token in the controller's "+
			"data directory)")
	flags.StringVar(&c.caFile, "ca-file", "",
		"CA certificates that the controller's certificate is checked against (TAPLINE_CA_FILE; "+
			"default those of the system)")
	flags.StringVar(&c.certFile, "cert-file", "",
		"client certificate, if the controller asks for one (TAPLINE_CERT_FILE)")
	flags.StringVar(&c.keyFile, "key-file", "", "key of --cert-file (TAPLINE_KEY_FILE)")
}

// AdoptConnection has the App connect as another does whose flags were parsed.
func (a *App) AdoptConnection(other *App) { a.connection = other.connection }

// Client returns a client of the controller. Nothing is sent before its first request.
func (a *App) Client() (*client.Client, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}

	token, err := a.findToken(s)
	if err != nil {
		return nil, err
	}

	httpClient, err := a.httpClient(s)
	if err != nil {
		return nil, err
	}

	c, err := client.New(client.Config{
		Server:     s.servers[0],
		Token:      token,
		HTTPClient: httpClient,
		UserAgent:  "tapctl/" + a.Version,
	})
	if err != nil {
		return nil, &advice.Error{
			Err:  err,
			Next: "correct --server, --token, their environment variables or the client file",
		}
	}

	return c, nil
}

// findToken returns the token of the settings, else of the files that a controller writes by
// default.
func (a *App) findToken(s settings) (string, error) {
	if s.token != "" {
		return s.token, nil
	}
	if s.tokenFile == "" {
		return a.findDefaultToken(s)
	}

	token, err := readToken(s.tokenFile)
	if err != nil {
		return "", &advice.Error{
			Err:  err,
			Next: "give the controller's admin.token with --token-file or TAPLINE_TOKEN_FILE",
		}
	}

	return token, nil
}

// findDefaultToken returns the token of the first file that exists.
func (a *App) findDefaultToken(s settings) (string, error) {
	paths := a.defaultTokenFiles()
	for _, path := range paths {
		token, err := readToken(path)
		if err == nil {
			return token, nil
		}

		if !errors.Is(err, fs.ErrNotExist) {
			return "", &advice.Error{
				Err:  err,
				Next: "run as the controller's user, or give a token with --token-file or --token",
			}
		}
	}

	if s.certFile != "" {
		return "", nil // The certificate may have a role of its own (client_roles).
	}

	return "", advice.New(
		"give the controller's admin.token with --token-file or TAPLINE_TOKEN_FILE, "+
			"or its content with TAPLINE_TOKEN",
		"no token: there is no %s", strings.Join(paths, " and no "))
}

// defaultTokenFiles are the token files in a controller's default data directories.
func (a *App) defaultTokenFiles() []string {
	state := a.Env("XDG_STATE_HOME")
	// A relative path is invalid and ignored (XDG Base Directory Specification 0.8).
	if !filepath.IsAbs(state) && a.Env("HOME") != "" {
		state = filepath.Join(a.Env("HOME"), ".local", "state")
	}

	var paths []string
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
