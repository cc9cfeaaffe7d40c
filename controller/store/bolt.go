package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The file has a bucket "meta" and one bucket per kind. In the latter, the key is the id, and the
// value is
//
//	0        8
//	+--------+----------
//	|revision| JSON ...
//	+--------+----------
//
// Numbers are big endian. The schema is raised when an older controller could no longer read the
// file.
const schema = 1

var (
	bucketMeta   = []byte("meta")
	metaSchema   = []byte("schema")     // 8 bytes
	metaCluster  = []byte("cluster_id") // text
	metaSecret   = []byte("secret")     // SecretSize bytes
	metaRevision = []byte("revision")   // 8 bytes
	metaKeyLimit = []byte("key_limit")  // 8 bytes; no key above it was given out
)

// Option changes a default of [OpenBolt].
type Option func(*options)

type options struct {
	lockTimeout time.Duration
	history     int
}

const (
	defaultLockTimeout = 2 * time.Second
	defaultHistory     = 4096
)

// WithLockTimeout sets how long to wait for another process to close the file, as a controller that
// is being replaced may still be stopping. The default is 2 s; 0 does not wait.
func WithLockTimeout(d time.Duration) Option {
	return func(o *options) { o.lockTimeout = max(d, 1) } // bbolt takes 0 for "forever".
}

// WithHistory sets how many batches are kept in memory for watchers: at least 1, 4,096 by default.
func WithHistory(batches int) Option {
	return func(o *options) { o.history = max(batches, 1) }
}

// Bolt is a [Store] in a bbolt file.
type Bolt struct {
	*Queue
	path    string
	file    os.FileInfo // of the file at path when it was opened
	db      *bolt.DB
	cluster string
	secret  []byte
	close   func() error

	failed error // of the writer's goroutine: why nothing can be written any more
}

var _ Store = (*Bolt)(nil)

// OpenBolt opens the store in a file. It creates the file if it does not exist; the folder must
// exist. A file that another process has open is [ErrLocked].
func OpenBolt(path string, opts ...Option) (Store, error) {
	o := options{lockTimeout: defaultLockTimeout, history: defaultHistory}
	for _, opt := range opts {
		opt(&o)
	}

	db, err := openFile(path, o.lockTimeout)
	if err != nil {
		return nil, explain(path, err)
	}

	s := &Bolt{
		path: path,
		db:   db,
	}

	revision, keys, err := s.prepare()
	if err == nil {
		s.file, err = os.Stat(path)
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}

	s.Queue = NewQueue(NewHistory(o.history, revision), keys)
	s.close = sync.OnceValue(s.shutDown)
	go s.Run(s.writeGroup, nil)
	return s, nil
}

// openFile opens the bbolt file, after a check that it is complete.
func openFile(path string, lockTimeout time.Duration) (*bolt.DB, error) {
	if err := checkSize(path, lockTimeout); err != nil {
		return nil, err
	}
	return bolt.Open(path, 0o600, &bolt.Options{
		Timeout: lockTimeout,
		// The list of free pages is rebuilt when the file is opened, so that commits need not write
		// it.
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		// This is address space, not memory. It is large enough that readers rarely delay a writer
		// that has to map the file again.
		InitialMmapSize: 64 << 20,
		NoStatistics:    true,
	})
}

// checkSize refuses a file that was cut off, such as an incomplete copy. bbolt maps the file into
// memory, and an access beyond its end would kill the process with SIGBUS.
func checkSize(path string, lockTimeout time.Duration) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // It will be created.
	}

	if err == nil && !info.Mode().IsRegular() {
		return errors.New("it is not a regular file: want one, or a name that is free")
	}

	used, err := usedSize(path, lockTimeout)
	if err != nil {
		return err
	}

	if info, err = os.Stat(path); err != nil {
		return err
	}
	if info.Size() < used {
		return fmt.Errorf("it ends after %d of %d bytes: %w",
			info.Size(), used, bolterrors.ErrInvalid)
	}

	return nil
}

// usedSize returns the size of the file according to its own header, in bytes.
func usedSize(path string, lockTimeout time.Duration) (used int64, err error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return 0, err
	}
	err = db.View(func(tx *bolt.Tx) error {
		used = tx.Size()
		return nil
	})
	return used, errors.Join(err, db.Close())
}

// explain says what an error of opening the file means, and what to do.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("open %s: %w: stop it, or use another data_dir", path, ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid),
		errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("open %s: it is not a store of Tapline, or damaged (%w): "+
			"restore it from a backup, or move it away", path, err)
	default:
		return fmt.Errorf("open store %s: %w", path, err)
	}
}

// prepare creates what is missing in the file and reserves the first keys.
func (s *Bolt) prepare() (revision uint64, keys *Keys, err error) {
	err = s.db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if meta, err = create(tx); err != nil {
				return err
			}
		}
		if have := number(meta, metaSchema); have != schema {
			return fmt.Errorf("it has schema %d, and this controller knows schema %d: "+
				"use the controller that wrote it, or a newer one", have, schema)
		}

		for _, kind := range kinds {
			if _, err := tx.CreateBucketIfNotExists([]byte(kind)); err != nil {
				return err
			}
		}

		s.cluster = string(meta.Get(metaCluster))
		if s.secret, err = secretOf(meta); err != nil {
			return err
		}

		revision = number(meta, metaRevision)

		// Keys up to the stored limit may have been given out, so the first block starts after it.
		stored := uint32(number(meta, metaKeyLimit))
		keys = NewKeys(stored)
		from, limit, _ := keys.Next(stored)
		keys.Reserve(from, limit)
		return putNumber(meta, metaKeyLimit, uint64(limit))
	})
	if err != nil {
		return 0, nil, err
	}

	return revision, keys, syncFolder(filepath.Dir(s.path))
}

// secretOf returns the secret of the cluster. It makes one in a store that has none, such as that
// of an earlier release.
func secretOf(meta *bolt.Bucket) ([]byte, error) {
	if secret := meta.Get(metaSecret); secret != nil {
		if len(secret) != SecretSize {
			return nil, fmt.Errorf("its secret has %d bytes: want %d", len(secret), SecretSize)
		}
		return bytes.Clone(secret), nil
	}
	secret := NewSecret()
	return secret, meta.Put(metaSecret, secret)
}

// NewSecret makes the secret of a new cluster ([State.Secret]).
func NewSecret() []byte {
	secret := make([]byte, SecretSize)
	rand.Read(secret) // It never fails.
	return secret
}

// create makes an empty store in an empty file.
func create(tx *bolt.Tx) (*bolt.Bucket, error) {
	if name, _ := tx.Cursor().First(); name != nil {
		return nil, fmt.Errorf(
			"it is a bbolt file of another program: it has a bucket %q and no %q",
			name, bucketMeta)
	}

	meta, err := tx.CreateBucket(bucketMeta)
	if err != nil {
		return nil, err
	}

	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("make a cluster id: %w", err)
	}

	if err := meta.Put(metaCluster, []byte(id.String())); err != nil {
		return nil, err
	}

	return meta, putNumber(meta, metaSchema, schema)
}

// syncFolder makes a new file's name survive a power failure; fsync(2) of the file does not.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Load implements [Store].
func (s *Bolt) Load(ctx context.Context) (State, error) {
	if err := ctx.Err(); err != nil {
		return State{}, err
	}

	state := State{ClusterID: s.cluster, Secret: bytes.Clone(s.secret)}

	err := s.db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		state.Revision = number(meta, metaRevision)
		state.LastKey = s.Keys.Last(uint32(number(meta, metaKeyLimit)))
		for _, kind := range kinds {
			err := tx.Bucket([]byte(kind)).ForEach(func(id, value []byte) error {
				record, err := s.decode(kind, id, value)
				if err != nil {
					return err
				}
				state.Records = append(state.Records, record)
				return ctx.Err()
			})
			if err != nil {
				return err
			}
		}

		return nil
	})
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		err = ErrClosed
	}

	if err != nil {
		return State{}, err
	}

	return state, nil
}

// decode copies a record out of the file.
func (s *Bolt) decode(kind Kind, id, value []byte) (Record, error) {
	if len(value) < 8 {
		return Record{}, fmt.Errorf(
			"load %s: %s %q is damaged: it has %d bytes, and the revision alone has 8",
			s.path, kind, id, len(value))
	}
	return Record{
		Kind:     kind,
		ID:       string(id),
		Revision: binary.BigEndian.Uint64(value),
		Value:    bytes.Clone(value[8:]),
	}, nil
}

// Close implements [Store]. Further calls return the same error.
func (s *Bolt) Close() error { return s.close() }

func (s *Bolt) shutDown() error {
	s.Queue.Close()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// number reads 8 bytes. A number that was never written is 0.
func number(b *bolt.Bucket, key []byte) uint64 {
	if v := b.Get(key); len(v) >= 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func putNumber(b *bolt.Bucket, key []byte, n uint64) error {
	return b.Put(key, binary.BigEndian.AppendUint64(nil, n))
}
