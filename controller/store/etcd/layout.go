package etcd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/tapline-sdn/tapline/controller/store"
)

// schema is raised when an older controller could no longer read what is stored.
const schema = 1

// keyspace builds the names of keys. It is the prefix, with a slash in front and none at the end.
type keyspace string

func newKeyspace(prefix string) keyspace { return keyspace("/" + strings.Trim(prefix, "/")) }

func (k keyspace) all() string    { return string(k) + "/" }
func (k keyspace) head() string   { return string(k) + "/head" }
func (k keyspace) secret() string { return string(k) + "/secret" }
func (k keyspace) lock() string   { return string(k) + "/lock" }

// replicas is where replicas register; see controller/replica.
func (k keyspace) replicas() string { return string(k) + "/replicas/" }

// accepted is written when a restored store is accepted; see controller/replica.
func (k keyspace) accepted() string { return string(k) + "/accepted" }
func (k keyspace) records() string  { return string(k) + "/records/" }

func (k keyspace) record(id recordID) string {
	return k.records() + string(id.kind) + "/" + id.id
}

// recordOf returns whose key this is, or false if it is not the key of a record.
func (k keyspace) recordOf(key []byte) (recordID, bool) {
	rest, ok := strings.CutPrefix(string(key), k.records())
	if !ok {
		return recordID{}, false
	}
	kind, id, ok := strings.Cut(rest, "/")
	return recordID{store.Kind(kind), id}, ok && id != ""
}

type recordID struct {
	kind store.Kind
	id   string
}

func idOf(op store.Op) recordID { return recordID{op.Kind, op.ID} }

// head is the value of PREFIX/head.
type head struct {
	Schema    int        `json:"schema"`
	ClusterID string     `json:"cluster_id"`
	Revision  uint64     `json:"revision"`  // of the last batch
	Previous  uint64     `json:"previous"`  // the revision before the last transaction
	KeyLimit  uint32     `json:"key_limit"` // no service key above it was given out
	Writer    string     `json:"writer"`    // random id of the process that wrote last
	Sequence  uint64     `json:"sequence"`  // number of the transaction among those of the writer
	Deleted   []deletion `json:"deleted,omitempty"`
}

// deletion is a record that the last transaction deleted, if there was one.
type deletion struct {
	Revision uint64     `json:"revision"` // of the batch
	Kind     store.Kind `json:"kind"`
	ID       string     `json:"id"` // escaped as in a URL's path, since it may have any bytes
}

func (d deletion) record() (recordID, error) {
	id, err := url.PathUnescape(d.ID)
	if err != nil {
		return recordID{}, fmt.Errorf("the head names a deleted id %q: %w", d.ID, err)
	}
	return recordID{d.Kind, id}, nil
}

// encode returns the head as it is stored.
func (h head) encode() string {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // It has only numbers and text.
	}
	return string(text)
}

// seenHead is a head that was read from etcd.
type seenHead struct {
	head
	raw string // as it is stored; no two heads of one store are the same
	mod int64  // etcd's revision of the transaction that wrote it
}

// parseHead reads the head out of its key, and refuses one that this release does not understand.
func parseHead(kv *mvccpb.KeyValue) (seenHead, error) {
	h := seenHead{raw: string(kv.Value), mod: kv.ModRevision}
	if err := json.Unmarshal(kv.Value, &h.head); err != nil || h.Schema == 0 {
		return seenHead{}, fmt.Errorf("%s is not what a controller writes there: "+
			"use another prefix, or restore it from a backup", kv.Key)
	}
	if h.Schema != schema {
		return seenHead{}, fmt.Errorf("%s has schema %d, and this controller knows schema %d: "+
			"use the controller that wrote it, or a newer one", kv.Key, h.Schema, schema)
	}
	return h, nil
}

// encodeRecord returns the value of a record's key.
func encodeRecord(revision uint64, value json.RawMessage) string {
	return strconv.FormatUint(revision, 10) + " " + string(value)
}

// parseRecord reads a record out of its key.
func (k keyspace) parseRecord(kv *mvccpb.KeyValue) (store.Record, error) {
	id, ok := k.recordOf(kv.Key)
	if !ok || !slices.Contains(store.Kinds(), id.kind) {
		return store.Record{}, fmt.Errorf("%q is not the key of a record: "+
			"delete it, or use the controller that wrote it", kv.Key)
	}

	number, value, _ := bytes.Cut(kv.Value, []byte(" "))
	revision, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || !json.Valid(value) {
		return store.Record{}, fmt.Errorf("%q is damaged: want a revision, a space, and JSON: "+
			"restore it from a backup", kv.Key)
	}

	return store.Record{
		Kind: id.kind, ID: id.id, Revision: revision, Value: bytes.Clone(value),
	}, nil
}

func parseSecret(kv *mvccpb.KeyValue) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(string(kv.Value))
	if err != nil || len(secret) != store.SecretSize {
		return nil, fmt.Errorf("%q is damaged: want %d bytes in base64: restore it from a backup",
			kv.Key, store.SecretSize)
	}
	return secret, nil
}
