package dump

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/store"
)

// words are what users call the kinds that they know.
var words = map[store.Kind]string{
	store.KindHost: "host", store.KindGuest: "guest", store.KindService: "tap service",
	store.KindFlow: "tap flow", store.KindToken: "token",
}

// Difference says what becomes of the objects of a store when other content replaces it.
type Difference struct {
	OtherCluster bool     // the content is of another cluster
	Revived      []string // objects that are not there, and would be
	Lost         []string // objects that are there, and would not be
	Reverted     []string // objects that would be as the content has them
}

// Compare returns what becomes of the objects of a store when other content replaces it.
func Compare(have, replacement store.State) Difference {
	d := Difference{OtherCluster: have.ClusterID != replacement.ClusterID}
	before := objects(have)
	for id, r := range objects(replacement) {
		switch old, there := before[id]; {
		case !there:
			d.Revived = append(d.Revived, nameOf(r))
		case !bytes.Equal(old.Value, r.Value):
			d.Reverted = append(d.Reverted, nameOf(r))
		}
		delete(before, id)
	}
	for _, r := range before {
		d.Lost = append(d.Lost, nameOf(r))
	}

	slices.Sort(d.Revived)
	slices.Sort(d.Lost)
	slices.Sort(d.Reverted)
	return d
}

type recordID struct {
	kind store.Kind
	id   string
}

// objects returns the records that users know. Those that are being deleted are not.
func objects(state store.State) map[recordID]store.Record {
	out := map[recordID]store.Record{}
	for _, r := range state.Records {
		var meta store.Meta
		known := json.Unmarshal(r.Value, &meta) == nil && !meta.Deleting
		if words[r.Kind] != "" && known {
			out[recordID{r.Kind, r.ID}] = r
		}
	}
	return out
}

// nameOf is what users call a record.
func nameOf(r store.Record) string {
	var named struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(r.Value, &named) != nil || named.Name == "" {
		named.Name = r.ID
	}
	return words[r.Kind] + " " + named.Name
}

// IsZero reports whether nothing changes.
func (d Difference) IsZero() bool {
	return !d.OtherCluster && len(d.Revived)+len(d.Lost)+len(d.Reverted) == 0
}

// maxNames bounds how many objects are named.
const maxNames = 50

// Print says what changes, a line each.
func (d Difference) Print(w io.Writer) {
	if d.OtherCluster {
		fmt.Fprintln(w, "another cluster: what switches have of the present one "+
			"is not known afterwards (tapline cleanup removes it)")
	}
	for _, group := range []struct {
		title string
		names []string
	}{
		{"not there now, and there again afterwards", d.Revived},
		{"there now, and gone afterwards", d.Lost},
		{"changed to what they are in the other store", d.Reverted},
	} {
		if len(group.names) == 0 {
			continue
		}
		names := group.names[:min(len(group.names), maxNames)]
		fmt.Fprintf(w, "%s (%d): %s", group.title, len(group.names), strings.Join(names, ", "))
		if over := len(group.names) - len(names); over > 0 {
			fmt.Fprintf(w, " and %d more", over)
		}
		fmt.Fprintln(w)
	}
}
