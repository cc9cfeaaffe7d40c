package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// lookTime bounds how long names are looked up that only help: for proposals and for completion.
const lookTime = 2 * time.Second

// suggest proposes names that are close to one that there is not.
func (a *App) suggest(ctx context.Context, err error) {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return
	}
	k, ref, found := missing(refused)
	if !found {
		return
	}
	c, err := a.client()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	all, err := k.list(ctx, c)
	if err != nil {
		return
	}
	if near := nearest(ref, all); near != "" {
		fmt.Fprintf(a.Err, "  did you mean %s %q?\n", k.noun, printable(near))
	}
}

// missing tells which resource a refused request asked for that there is not: that of its path, or one that its body names.
func missing(refused *client.Error) (k anyKind, ref string, found bool) {
	said := regexp.MustCompile(`there is no (host|guest|wire|tap service|tap flow) "([^"]+)"`).FindStringSubmatch(refused.Problem.Detail)
	if said != nil {
		k, found = findKind(strings.ReplaceAll(said[1], " ", "-"))
		return k, said[2], found
	}
	at, err := url.Parse(refused.URL)
	if err != nil || refused.Problem.Status != http.StatusNotFound {
		return anyKind{}, "", false
	}
	_, path, found := strings.Cut(at.Path, api.Prefix+"/")
	parts := strings.Split(path, "/")
	if !found || len(parts) < 2 {
		return anyKind{}, "", false
	}
	k, found = findKind(parts[0])
	return k, parts[1], found
}

// nearest is the name that takes the fewest edits to reach, if a slip of the finger can explain them; else "".
func nearest(ref string, all []object) string {
	best, least := "", len([]rune(ref))/3+2
	for _, o := range all {
		if d := distance(strings.ToLower(ref), strings.ToLower(o.name)); d < least {
			best, least = o.name, d
		}
	}
	return best
}

// distance counts the runes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			cost := 1
			if r == s {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(to)]
}
