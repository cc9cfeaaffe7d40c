package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// LookupTime bounds how long names are looked up that only help: for proposals and for completion.
const LookupTime = 2 * time.Second

// suggest proposes names that are close to those that a refused request refers to and that do not
// exist. The request itself says what it refers to; the controller's text is not looked at.
func (a *App) suggest(ctx context.Context, refused *client.Error) {
	a.suggestWords(refused)

	refs := referencesAt(a.lastBody, refused.Problem.Errors)
	if ref, ok := referenceOfPath(refused); ok {
		refs = append(refs, ref)
	}

	for _, ref := range refs {
		names, exists := a.namesBeside(ctx, ref)
		if exists {
			continue
		}
		if near := advice.Nearest(ref.ref, names); near != "" {
			fmt.Fprintf(a.Err, "  did you mean %s %q?\n", ref.kind.Noun, format.Printable(near))
		}
	}
}

// suggestWords proposes words for values that are none of the words that their field accepts.
func (a *App) suggestWords(refused *client.Error) {
	at, err := url.Parse(refused.URL)
	if err != nil {
		return
	}

	_, path, _ := strings.Cut(at.Path, api.Prefix+"/")
	list, _, _ := strings.Cut(path, "/")
	k, _ := kind.Find(list)
	var body any
	_ = json.Unmarshal(a.lastBody, &body) // nil without a body

	for _, p := range refused.Problem.Errors {
		fieldPath := pathOf(p)
		_, field, value := valueAt(body, fieldPath)
		if value == nil { // a parameter
			field = fieldPath[len(fieldPath)-1]
			value = at.Query().Get(field)
		}

		typed, _ := value.(string)
		words := kind.WordsOf(k.Word, field)
		if slices.Contains(words, typed) {
			continue
		}
		if near := advice.Nearest(typed, words); near != "" && typed != "" {
			fmt.Fprintf(a.Err, "  did you mean %s %s?\n", format.Printable(p.Field), near)
		}
	}
}

// namesBeside lists the names of a reference's kind, and reports whether what it means exists.
func (a *App) namesBeside(ctx context.Context, ref reference) (names []string, exists bool) {
	for _, o := range a.Lookup(ctx, ref.kind) {
		if o.Is(ref.ref) {
			return nil, true
		}
		names = append(names, o.Name)
	}
	return names, false
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

// reference is a resource that a request refers to.
type reference struct {
	kind kind.Any
	ref  string // id or name
}

// referenceOfPath is the resource in the path of a request that was answered 404.
func referenceOfPath(refused *client.Error) (reference, bool) {
	at, err := url.Parse(refused.URL)
	if err != nil || refused.Problem.Status != http.StatusNotFound {
		return reference{}, false
	}

	_, path, found := strings.Cut(at.Path, api.Prefix+"/")
	parts := strings.Split(path, "/")
	if !found || len(parts) < 2 {
		return reference{}, false
	}

	k, ok := kind.Find(parts[0])
	return reference{k, parts[1]}, ok
}

// referencesAt are the references in a request's body at the places of problems.
func referencesAt(body []byte, problems []api.FieldProblem) []reference {
	var root any
	if json.Unmarshal(body, &root) != nil {
		return nil
	}

	var refs []reference
	for _, p := range problems {
		object, field, value := valueAt(root, pathOf(p))
		if change, ok := value.(map[string]any); ok && change["ref"] != nil { // a planned change
			object, field, value = change, "ref", change["ref"]
		}

		k, ok := kindOfReference(object, field)
		if !ok {
			continue
		}

		switch value := value.(type) {
		case string:
			refs = append(refs, reference{k, value})
		case map[string]any: // bridges of a wire, by host
			for name := range value {
				refs = append(refs, reference{k, name})
			}
		}
	}

	return refs
}

// kindOfReference is the kind that a field refers to. It is not ok for fields that hold no
// reference.
func kindOfReference(object map[string]any, field string) (kind.Any, bool) {
	switch field {
	case "guest_id", "host_id", "wire_id":
		return kind.Find(strings.TrimSuffix(field, "_id"))
	case "tap_id":
		return kind.Find("tap-service")
	case "target_id": // of a tap service, whose type is guest or host
		return kind.Find(fmt.Sprint(object["type"]))
	case "ref":
		return kind.Find(fmt.Sprint(object["kind"]))
	case "bridges":
		return kind.Find("host")
	}
	return kind.Any{}, false
}

// pathOf are the keys and indexes that lead to the value of a problem: from its pointer, a URI
// fragment (RFC 6901, 6), or from its field, such as nics[0].mac.
func pathOf(p api.FieldProblem) []string {
	if p.Pointer == "" {
		return strings.FieldsFunc(p.Field,
			func(r rune) bool { return strings.ContainsRune(".[]", r) })
	}

	path := strings.Split(strings.TrimPrefix(p.Pointer, "#/"), "/")
	for i, part := range path {
		if unescaped, err := url.PathUnescape(part); err == nil {
			part = unescaped
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}

	return path
}

// valueAt finds the value at a path, with the object that has it and its field there.
func valueAt(root any, path []string) (object map[string]any, field string, value any) {
	value = root
	for _, part := range path {
		switch at := value.(type) {
		case map[string]any:
			object, field, value = at, part, at[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil, "", nil
			}
			value = at[i]
		default:
			return nil, "", nil
		}
	}

	return object, field, value
}

// bodyKeeper keeps the body of the last request that had one, for [App.suggest].
type bodyKeeper struct {
	next http.RoundTripper
	app  *App
}

// RoundTrip implements http.RoundTripper.
func (k *bodyKeeper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil {
			k.app.lastBody, _ = io.ReadAll(body) // It is in memory.
			_ = body.Close()
		}
	}
	return k.next.RoundTrip(req)
}
