package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// LookupTime bounds how long names are looked up that only help: for proposals and for completion.
const LookupTime = 2 * time.Second

// suggest proposes a name that is close to one that does not exist.
func (a *App) suggest(ctx context.Context, refused *client.Error) {
	k, ref, ok := missing(refused)
	if !ok {
		return
	}
	if near := kind.Nearest(ref, kind.Names(a.Lookup(ctx, k))); near != "" {
		fmt.Fprintf(a.Err, "  did you mean %s %q?\n", k.Noun, format.Printable(near))
	}
}

// Lookup lists the resources of a kind, or none if the controller does not answer soon.
func (a *App) Lookup(ctx context.Context, k kind.Any) []kind.Object {
	c, err := a.Client()
	if err != nil {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, LookupTime)
	defer cancel()
	all, err := k.List(ctx, c)
	if err != nil {
		return nil
	}
	return all
}

// missing returns the resource that a refused request refers to and that does not exist: that of
// its path, or one that its body refers to.
func missing(refused *client.Error) (k kind.Any, ref string, ok bool) {
	said := regexp.MustCompile(`there is no (host|guest|wire|tap service|tap flow) "([^"]+)"`).
		FindStringSubmatch(refused.Problem.Detail)
	if said != nil {
		k, ok = kind.Find(strings.ReplaceAll(said[1], " ", "-"))
		return k, said[2], ok
	}

	at, err := url.Parse(refused.URL)
	if err != nil || refused.Problem.Status != http.StatusNotFound {
		return kind.Any{}, "", false
	}
	_, path, found := strings.Cut(at.Path, api.Prefix+"/")
	parts := strings.Split(path, "/")
	if !found || len(parts) < 2 {
		return kind.Any{}, "", false
	}
	k, ok = kind.Find(parts[0])
	return k, parts[1], ok
}
