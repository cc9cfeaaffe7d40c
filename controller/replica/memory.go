package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/tapline-sdn/tapline/controller/store/etcd"
)

// memory is what a replica knows of the store, across restarts. It tells a store that was put back
// to an older copy, in which tokens and tap flows are there again that were deleted since.
type memory struct {
	Cluster  string    `json:"cluster"`
	Revision uint64    `json:"revision"` // the highest that was seen
	Accepted time.Time `json:"accepted"` // of the last acceptance that was seen
}

// acceptance is the value of the key by which an operator says that an older store is meant.
type acceptance struct {
	At time.Time `json:"at"`
}

// see takes over what the store is now. It reports whether that is older than what was seen before,
// and nobody has accepted it since.
func (m *memory) see(cluster string, revision uint64, accepted time.Time) (back bool) {
	switch {
	case m.Cluster != cluster, accepted.After(m.Accepted), revision >= m.Revision:
		*m = memory{Cluster: cluster, Revision: revision, Accepted: accepted}
		return false
	default:
		return true
	}
}

// look takes over the keys of the head and of the acceptance, each of which may be nil.
func (m *memory) look(head, accepted *mvccpb.KeyValue) error {
	var a acceptance
	if accepted != nil {
		_ = json.Unmarshal(accepted.Value, &a) // What is not ours accepts nothing.
	}

	if head == nil {
		switch {
		case a.At.After(m.Accepted):
			*m = memory{Accepted: a.At}
		case m.Cluster != "":
			return fmt.Errorf("%w: it is gone, or is being replaced; "+
				"tapline store accept says that a new one is meant", ErrRestored)
		}
		return nil // There is no store yet.
	}

	cluster, revision, err := etcd.HeadOf(head)
	if err != nil {
		return err
	}

	before := m.Revision
	if m.see(cluster, revision, a.At) {
		return fmt.Errorf("%w: it is at revision %d, and revision %d was written already; "+
			"tapline store accept says that this is meant", ErrRestored, revision, before)
	}
	return nil
}

// ErrRestored means that nobody may lead before an operator has said that the store is meant.
var ErrRestored = errors.New("the store was restored from an older copy")

// load reads a memory; a file that does not exist, or cannot be read, is an empty one.
func loadMemory(path string) (m memory) {
	if text, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(text, &m)
	}
	return m
}

// save writes the memory, whole or not at all.
func (m memory) save(path string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".replica-*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
