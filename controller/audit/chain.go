package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// link is the place of a record in the chain of changes.
type link struct {
	// Seq counts the records from 1.
	Seq uint64 `json:"seq,omitempty"`
	// Prev is the hash of the record before. Only the first record of a file or of the chain has
	// it, so that a file can be verified when the one before it is gone.
	Prev string `json:"prev,omitempty"`
	// Hash is the SHA-256, in hexadecimal digits, of the hash before, a line end, and this record's
	// JSON form without the hash.
	Hash string `json:"hash,omitempty"`
}

// chainedRecord is a line of the journal of changes.
type chainedRecord struct {
	Record
	link
}

// zeroHash stands before the first record.
var zeroHash = hex.EncodeToString(make([]byte, sha256.Size))

// hashOf returns the hash of a record: previous hash, and JSON form without a hash.
func hashOf(prev string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(prev))
	h.Write([]byte{'\n'})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// hashField is what a line has instead of the last '}' of its body.
func hashField(hash string) []byte { return []byte(`,"hash":"` + hash + `"}`) }

// next returns the line of a record that follows l, and its own link. The first line of a file
// names the hash before it.
func (l link) next(r Record, firstOfFile bool) (line []byte, own link, err error) {
	own = link{Seq: l.Seq + 1}
	prev := l.Hash
	if prev == "" {
		prev = zeroHash
	}
	if firstOfFile || own.Seq == 1 {
		own.Prev = prev
	}

	body, err := json.Marshal(chainedRecord{r, own})
	if err != nil {
		return nil, link{}, fmt.Errorf("audit log: a record has no JSON form: %w", err)
	}

	own.Hash = hashOf(prev, body)
	line = append(body[:len(body)-1:len(body)-1], hashField(own.Hash)...)
	return append(line, '\n'), own, nil
}

// bodyOf returns the JSON form of a line without its hash. It is not ok if the line does not end
// with the hash.
func bodyOf(line []byte, hash string) (body []byte, ok bool) {
	body, ok = bytes.CutSuffix(bytes.TrimRight(line, "\n"), hashField(hash))
	if !ok || hash == "" {
		return nil, false
	}
	return append(body[:len(body):len(body)], '}'), true
}

// lastRecord returns the last record of a file. The error is [fs.ErrNotExist] if it has none.
func lastRecord(path string) (chainedRecord, error) {
	f, err := os.Open(path)
	if err != nil {
		return chainedRecord{}, err
	}
	defer f.Close()

	for line, err := range linesBackwards(f) {
		if err != nil {
			return chainedRecord{}, err
		}
		var r chainedRecord
		if json.Unmarshal(line, &r) == nil && !r.Time.IsZero() {
			return r, nil
		}
	}

	return chainedRecord{}, fs.ErrNotExist
}

// lastLinkLocked returns the end of the chain in the files, or the zero link if there is no chain
// yet.
func (j *journal) lastLinkLocked() (link, error) {
	for i := range j.keep + 1 {
		r, err := lastRecord(j.fileName(i))
		if err == nil {
			return r.link, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return link{}, fmt.Errorf("audit log: %w", err)
		}
	}
	return link{}, nil
}
