package dump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

// format is raised when an older release could no longer read the file.
const format = 1

// maxLine bounds a line of a file, in bytes.
const maxLine = 16 << 20

// header is the first line of a file.
type header struct {
	Format    int       `json:"tapline_store"`
	Written   time.Time `json:"written"`
	ClusterID string    `json:"cluster_id"`
	Secret    []byte    `json:"secret"`
	Revision  uint64    `json:"revision"`
	LastKey   uint32    `json:"last_key"`
	Records   int       `json:"records"`
}

// line is a record in a file.
type line struct {
	Kind     store.Kind      `json:"kind"`
	ID       string          `json:"id"`
	Revision uint64          `json:"revision"`
	Value    json.RawMessage `json:"value"`
}

// Write writes the content of a store.
func Write(w io.Writer, state store.State, now time.Time) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(header{
		Format: format, Written: now.UTC().Truncate(time.Second),
		ClusterID: state.ClusterID, Secret: state.Secret,
		Revision: state.Revision, LastKey: state.LastKey, Records: len(state.Records),
	})
	for _, r := range state.Records {
		if err == nil {
			err = encoder.Encode(line(r))
		}
	}
	return errors.Join(err, buffered.Flush())
}

// Read reads what Write has written. Errors have the number of the line.
func Read(r io.Reader) (store.State, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	number := 0
	next := func(to any) error {
		number++
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
			return fmt.Errorf("line %d: %w", number, io.ErrUnexpectedEOF)
		}
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(to); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		return nil
	}

	var h header
	if err := next(&h); err != nil || h.Format == 0 {
		return store.State{}, fmt.Errorf("it is not a file of tapline store export: %w",
			errors.Join(err, checkHeader(h)))
	}
	if err := checkHeader(h); err != nil {
		return store.State{}, err
	}

	state := store.State{
		ClusterID: h.ClusterID, Secret: h.Secret, Revision: h.Revision, LastKey: h.LastKey,
	}
	for range h.Records {
		var l line
		if err := next(&l); err != nil {
			return store.State{}, err
		}
		state.Records = append(state.Records, store.Record(l))
	}
	if lines.Scan() {
		return store.State{}, fmt.Errorf("line %d: the header says that there are %d records",
			number+1, h.Records)
	}

	return state, checkRecords(state)
}

func checkHeader(h header) error {
	switch {
	case h.Format != format:
		return fmt.Errorf("the file has format %d, and this release knows format %d",
			h.Format, format)
	case h.ClusterID == "" || len(h.Secret) != store.SecretSize || h.Records < 0:
		return errors.New("line 1: the header is not whole: " +
			"want cluster_id, secret, revision, last_key and records")
	}
	return nil
}

// checkRecords checks what every store relies on.
func checkRecords(state store.State) error {
	seen := map[[2]string]bool{}
	for i, r := range state.Records {
		_, err := store.CopyBatch([]store.Op{{Kind: r.Kind, ID: r.ID, Value: r.Value}})
		switch id := [2]string{string(r.Kind), r.ID}; {
		case err != nil:
		case seen[id]:
			err = fmt.Errorf("%s %q is there twice", r.Kind, r.ID)
		case r.Revision == 0 || r.Revision > state.Revision:
			err = fmt.Errorf("%s %q has revision %d, and the store is at %d",
				r.Kind, r.ID, r.Revision, state.Revision)
		case r.Value == nil:
			err = fmt.Errorf("%s %q has no value", r.Kind, r.ID)
		default:
			seen[id] = true
			continue
		}
		return fmt.Errorf("line %d: %w", i+2, err)
	}

	sorted := slices.IsSortedFunc(state.Records, store.Record.Compare)
	if !sorted {
		slices.SortFunc(state.Records, store.Record.Compare)
	}
	return nil
}
