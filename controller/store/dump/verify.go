package dump

import (
	"encoding/json"
	"fmt"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Verify returns what is wrong with the content of a store: records that cannot be read, references
// to records that are not there, and names or service keys that are there twice. It does not know
// what guests and wires there are.
func Verify(state store.State) []string {
	v := verifier{state: state, ids: map[recordID]bool{}, names: map[recordID]string{},
		keys: map[uint32]string{}}
	if err := checkRecords(state); err != nil {
		v.fail("%v", err)
	}

	for _, r := range state.Records {
		v.ids[recordID{r.Kind, r.ID}] = true
	}
	for _, r := range state.Records {
		v.record(r)
	}
	return v.faults
}

type verifier struct {
	state  store.State
	ids    map[recordID]bool
	names  map[recordID]string // id by kind and name
	keys   map[uint32]string   // id of the service
	faults []string
}

func (v *verifier) fail(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// record checks one record.
func (v *verifier) record(r store.Record) {
	var named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}

	switch r.Kind {
	case store.KindHost:
		decode[store.Host](v, r)
	case store.KindGuest:
		decode[store.Guest](v, r)
	case store.KindService:
		v.service(r)
	case store.KindFlow:
		v.flow(r)
	case store.KindHold:
		hold := decode[store.Hold](v, r)
		for _, host := range hold.Hosts {
			v.refers(r, store.KindHost, host)
		}
		return
	case store.KindPlace:
		place := decode[store.Place](v, r)
		v.refers(r, store.KindHost, place.Host)
		v.refers(r, store.KindService, r.ID)
		return
	case store.KindLearned:
		decode[store.Learned](v, r)
		return
	}

	if json.Unmarshal(r.Value, &named) != nil {
		return // It was said before, but for a token.
	}
	if named.ID != r.ID {
		v.fail("%s %q says that its id is %q", r.Kind, r.ID, named.ID)
	}
	name := recordID{r.Kind, named.Name}
	if other, twice := v.names[name]; twice && named.Name != "" {
		v.fail("%s %q has the name %q of %q", r.Kind, r.ID, named.Name, other)
	}
	v.names[name] = r.ID
}

// decode reads the value of a record.
func decode[T any](v *verifier, r store.Record) (out T) {
	if err := json.Unmarshal(r.Value, &out); err != nil {
		v.fail("%s %q cannot be read: %v", r.Kind, r.ID, err)
	}
	return out
}

// refers checks that another record is there.
func (v *verifier) refers(r store.Record, kind store.Kind, id string) {
	if !v.ids[recordID{kind, id}] {
		v.fail("%s %q refers to %s %q, which is not there", r.Kind, r.ID, kind, id)
	}
}

func (v *verifier) service(r store.Record) {
	s := decode[store.Service](v, r)
	if s.Type == tap.ServiceHost {
		v.refers(r, store.KindHost, s.TargetID)
	}
	for _, member := range s.Members {
		v.refers(r, store.KindService, member)
	}

	if s.Type != tap.ServiceGuest && s.Type != tap.ServiceHost {
		return // Its key is the user's choice.
	}
	if s.Key == 0 || s.Key > v.state.LastKey {
		v.fail("%s %q has key %d, and keys from 1 to %d were given out",
			r.Kind, r.ID, s.Key, v.state.LastKey)
	}
	if other, twice := v.keys[s.Key]; twice {
		v.fail("%s %q has the key %d of %q", r.Kind, r.ID, s.Key, other)
	}
	v.keys[s.Key] = r.ID
}

func (v *verifier) flow(r store.Record) {
	f := decode[store.Flow](v, r)
	v.refers(r, store.KindService, f.TapID)
	if f.Type == tap.FlowVSwitch {
		v.refers(r, store.KindHost, f.HostID)
	}
}
