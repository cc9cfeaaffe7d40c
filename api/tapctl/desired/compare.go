package desired

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// The actions of changes.
const (
	Create    = "create"
	Update    = "update"
	Replace   = "replace" // delete and create, where the API cannot change a field
	Delete    = "delete"
	Unchanged = "unchanged"
)

// Change is what has to be done about one resource.
type Change struct {
	Kind   string        `json:"kind"`
	Name   string        `json:"name"`
	Action string        `json:"action"`
	Fields []FieldChange `json:"fields"`

	want *Resource // nil for a deletion
	have *Existing // nil for a creation
}

// FieldChange is a field whose value changes.
type FieldChange struct {
	Name string `json:"name"`
	Was  any    `json:"was"` // nil if it was not set
	Is   any    `json:"is"`  // nil if it will not be set
}

// Options say how documents are compared.
type Options struct {
	Set   string // apply set that the resources belong to
	Prune bool   // delete resources of the set that no document describes
}

// Compare returns the changes that bring the controller to what documents say: in the order of
// kinds and names, deletions last. An error lists everything that cannot be changed so.
func Compare(current *Current, want []*Resource, o Options) ([]*Change, error) {
	c := &comparison{current: current, want: want, options: o}

	var changes []*Change
	kept := map[*Existing]bool{}
	for _, r := range want {
		change := c.compare(r)
		if change.have != nil {
			kept[change.have] = true
		}
		changes = append(changes, change)
	}

	if o.Prune {
		for _, e := range current.All {
			if e.Set == o.Set && !kept[e] && e.deleting == "" {
				changes = append(changes, &Change{
					Kind: e.Kind, Name: e.Name, Action: Delete, Fields: []FieldChange{}, have: e,
				})
			}
		}
	}

	replaceFlowsOfDeletedServices(changes)
	if len(c.errs) > 0 {
		return nil, mistakes(c.errs)
	}

	sortChanges(changes)
	return changes, nil
}

// sortChanges sorts changes by kind, deletions last.
func sortChanges(changes []*Change) {
	slices.SortStableFunc(changes, func(a, b *Change) int {
		return cmp.Compare(a.rank(), b.rank())
	})
}

// rank orders changes by kind, and pools after the tap services that may be their members.
// Deletions come last, in reverse order.
func (c *Change) rank() int {
	i := 2 * slices.Index(Kinds[:], c.Kind)
	if c.isPool() {
		i++
	}
	if c.Action == Delete {
		return 4*len(Kinds) - i
	}
	return i
}

// isPool reports whether the change is about a pool of tap services.
func (c *Change) isPool() bool {
	if c.want != nil {
		return c.want.text("type") == "pool"
	}
	return c.Kind == tapService && c.have.fields["type"] == "pool"
}

// comparison is one call of [Compare].
type comparison struct {
	current *Current
	want    []*Resource
	options Options
	errs    document.Errors
}

func (c *comparison) fail(r *Resource, field, message string, args ...any) {
	c.errs = append(c.errs, r.fault(field, message, args...))
}

// compare finds the change for one resource.
func (c *comparison) compare(r *Resource) *Change {
	change := &Change{
		Kind: r.Kind, Name: r.Name, Action: Unchanged, Fields: []FieldChange{},
		want: r, have: c.current.find(r.Kind, r.Name),
	}

	fields := r.effectiveFields()
	c.resolve(r, fields)

	if e := change.have; e != nil && e.deleting != "" {
		if e.Kind != host {
			c.fail(r, "", "%s %q is being deleted: %s: apply again once it is gone",
				kind.Noun(r.Kind), r.Name, e.deleting)
			return change
		}
		change.have = nil // A host that is created again is no longer deleted.
	}

	if change.have == nil {
		change.Action = Create
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if fields[name] != nil {
				change.Fields = append(change.Fields,
					FieldChange{Name: name, Is: r.shown(name, fields[name])})
			}
		}
		return change
	}

	for _, name := range slices.Sorted(maps.Keys(fields)) {
		c.compareField(change, name, fields[name])
	}

	if owner := change.have.Set; change.Action != Unchanged && owner != "" &&
		owner != c.options.Set {
		c.fail(r, "", "%s %q belongs to apply set %q: apply it with --set %s, or leave it out here",
			kind.Noun(r.Kind), r.Name, owner, owner)
	}

	return change
}

// compareField adds a field to a change if it differs.
func (c *comparison) compareField(change *Change, name string, is any) {
	r := change.want
	was := change.have.fields[name]
	if name == "wires" {
		was = change.have.wiresFor(is)
	}
	if same(name, was, is) || name == "enabled" && change.staysExpired() {
		return
	}

	field := FieldChange{Name: name, Was: c.current.shown(name, was), Is: r.shown(name, is)}
	change.Fields = append(change.Fields, field)
	switch {
	case !slices.Contains(unchangeable[r.Kind], name):
		if change.Action == Unchanged {
			change.Action = Update
		}
	case r.Kind == tapFlow:
		change.Action = Replace
	default:
		c.fail(r, name, "the %s of %s %q cannot be changed from %s to %s: delete it first, "+
			"or give it another name",
			name, kind.Noun(r.Kind), r.Name, Text(field.Was), Text(field.Is))
	}
}

// staysExpired reports whether the tap flow has expired, and the document gives it no other expiry:
// enabling it would be refused.
func (c *Change) staysExpired() bool {
	expiry, given := c.want.fields["expires_at"]
	return c.have.expired && (!given || same("expires_at", c.have.fields["expires_at"], expiry))
}

// shown is a value as the document has it, with references as they are written there.
func (r *Resource) shown(field string, value any) any {
	if written := r.fields[field]; written != nil {
		return written
	}
	return value
}

// replaceFlowsOfDeletedServices makes replacements of the updates of tap flows whose tap service is
// deleted: it can only be deleted after them, and what takes its place is created after that.
func replaceFlowsOfDeletedServices(changes []*Change) {
	deleted := map[string]bool{}
	for _, c := range changes {
		if c.Action == Delete && c.Kind == tapService {
			deleted[c.have.ID] = true
		}
	}

	for _, c := range changes {
		if c.Kind == tapFlow && c.Action == Update && deleted[fmt.Sprint(c.have.fields["tap_id"])] {
			c.Action = Replace
		}
	}
}

// resolve turns references into ids where the resource exists, and finds those that neither exist
// nor are described by a document.
func (c *comparison) resolve(r *Resource, fields map[string]any) {
	kinds := referenceKinds(r)
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if ref, given := fields[name].(string); given {
			fields[name] = c.resolved(r, name, kinds[name], ref)
		}
	}

	if refs, given := fields["members"].([]any); given && r.Kind == tapService {
		ids := make([]any, len(refs))
		for i, ref := range refs {
			ids[i] = c.resolved(r, fmt.Sprintf("members[%d]", i), tapService, fmt.Sprint(ref))
		}
		fields["members"] = ids
	}
}

// resolved is the id that a reference means, or the reference itself where the resource does not
// exist yet. What neither exists nor is described is a fault of the field.
func (c *comparison) resolved(r *Resource, field, kindKey, ref string) string {
	if id := c.current.idOf(kindKey, ref); id != "" {
		return id
	}

	described := slices.ContainsFunc(c.want, func(other *Resource) bool {
		return other.Kind == kindKey && (other.Name == ref || other.text("id") == ref)
	})
	if !described && slices.Contains(Kinds[:], kindKey) {
		c.fail(r, field, "there is no %s %q, neither at the controller nor in these documents%s",
			kind.Noun(kindKey), ref, c.proposal(kindKey, ref))
	}
	return ref
}

// proposal is the end of a message that proposes a name close to one that does not exist.
func (c *comparison) proposal(kindKey, ref string) string {
	var names []string
	for _, e := range c.current.All {
		if e.Kind == kindKey {
			names = append(names, e.Name)
		}
	}

	for _, r := range c.want {
		if r.Kind == kindKey {
			names = append(names, r.Name)
		}
	}

	return advice.DidYouMean(ref, names)
}
