package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// maxID is the longest id, in bytes. Every store can have keys of that length.
const maxID = 255

// CopyBatch checks a batch as far as possible without looking at the store. It copies the values,
// since the caller may change its own.
func CopyBatch(ops []Op) ([]Op, error) {
	own := slices.Clone(ops)
	for i := range own {
		op := &own[i]
		switch {
		case !slices.Contains(kinds[:], op.Kind):
			return nil, fmt.Errorf("kind %q does not exist: want one of %q", op.Kind, kinds)
		case op.ID == "" || len(op.ID) > maxID:
			return nil, fmt.Errorf("%s: an id has 1 to %d bytes, not %d",
				op.Kind, maxID, len(op.ID))
		case op.Value != nil && !json.Valid(op.Value):
			return nil, fmt.Errorf("%s %q: the value is not JSON", op.Kind, op.ID)
		}

		op.Value = bytes.Clone(op.Value)
	}

	return own, nil
}

// CheckCondition compares IfRevision with the revision of the record, which is 0 if there is none.
func (op Op) CheckCondition(revision uint64) error {
	switch {
	case op.IfRevision == 0 || op.IfRevision == revision:
		return nil
	case revision == 0:
		return fmt.Errorf("%s %q: want revision %d, but there is no record: %w",
			op.Kind, op.ID, op.IfRevision, ErrConflict)
	default:
		return fmt.Errorf("%s %q: want revision %d, but it is at %d: %w",
			op.Kind, op.ID, op.IfRevision, revision, ErrConflict)
	}
}
