package cli

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/profile"
)

// settings are where the controller is and who calls, from all sources.
type settings struct {
	servers                   []string
	token, tokenFile          string
	caFile, certFile, keyFile string
}

// settings returns what flags say, else the environment, else the context of the client file in
// use.
//
// The credentials of a context go to its own servers alone: with --server or TAPLINE_SERVER no
// context is used. With --context the environment is ignored.
func (a *App) settings() (settings, error) {
	c := &a.connection
	context, err := a.context()
	if err != nil {
		return settings{}, err
	}

	env := a.Env
	if c.context != "" {
		env = func(string) string { return "" }
	}

	s := settings{
		servers:  splitServers(format.First(c.server, env("TAPLINE_SERVER"))),
		caFile:   format.First(c.caFile, env("TAPLINE_CA_FILE"), context.CAFile),
		certFile: format.First(c.certFile, env("TAPLINE_CERT_FILE"), context.CertFile),
		keyFile:  format.First(c.keyFile, env("TAPLINE_KEY_FILE"), context.KeyFile),
	}
	if len(s.servers) == 0 {
		s.servers = context.Servers
	}
	if len(s.servers) == 0 {
		s.servers = []string{defaultServer}
	}

	// Within each source, a token takes precedence over a token file.
	for _, source := range [][2]string{
		{c.token, c.tokenFile},
		{env("TAPLINE_TOKEN"), env("TAPLINE_TOKEN_FILE")},
		{context.Token, context.TokenFile},
	} {
		if source[0] != "" || source[1] != "" {
			s.token, s.tokenFile = source[0], source[1]
			break
		}
	}

	return s, nil
}

// context is the context in use; it is empty if there is none.
func (a *App) context() (profile.Context, error) {
	c := &a.connection
	elsewhere := c.server != "" || a.Env("TAPLINE_SERVER") != ""
	if c.context == "" && elsewhere {
		return profile.Context{}, nil
	}

	file, err := profile.Read(profile.Path(a.Env))
	if err != nil {
		return profile.Context{}, &advice.Error{
			Err:  err,
			Next: "correct the client file, or do without it with --server",
		}
	}

	if c.context == "" {
		return file.Contexts[file.Current], nil
	}

	context, ok := file.Contexts[c.context]
	if !ok {
		return profile.Context{}, advice.New("tapctl config list shows the contexts",
			"there is no context %q%s", c.context, advice.DidYouMean(c.context, file.Names()))
	}

	return context, nil
}

// GivenContext is the context that the connection flags describe, for the client file.
func (a *App) GivenContext() profile.Context {
	c := &a.connection
	return profile.Context{
		Servers: splitServers(c.server), Token: c.token, TokenFile: c.tokenFile,
		CAFile: c.caFile, CertFile: c.certFile, KeyFile: c.keyFile,
	}
}

// splitServers reads a list of servers, separated by commas. A server without a scheme speaks HTTP.
func splitServers(text string) []string {
	var servers []string
	for server := range strings.SplitSeq(text, ",") {
		server = strings.TrimSpace(server)
		switch {
		case server == "":
		case strings.Contains(server, "://"):
			servers = append(servers, server)
		default:
			servers = append(servers, fmt.Sprintf("http://%s", server))
		}
	}

	return servers
}
