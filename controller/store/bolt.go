package store

import (
	"bytes"
	"context"
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

// The file: a bucket "meta" and one bucket per kind. In the latter the key is the id, and the value is
//
//	0        8
//	+--------+----------
//	|revision| JSON ...
//	+--------+----------
//
// Numbers are big endian. Schema is raised when an older controller could not read the file any more.
const schema = 1

var (
	bucketMeta   = []byte("meta")
	metaSchema   = []byte("schema")     // 8 bytes
	metaCluster  = []byte("cluster_id") // text
	metaRevision = []byte("revision")   // 8 bytes
	metaKeyLimit = []byte("key_limit")  // 8 bytes: no key above it was given out
)

// Option changes a default of [OpenBolt].
type Option func(*options)

type options struct {
	lockTimeout time.Duration
	history     int
}

// WithLockTimeout sets how long to wait for another process to close the file; 2 s by default, as a controller that is
// being replaced may still be on its way out. 0 does not wait.
func WithLockTimeout(d time.Duration) Option {
	return func(o *options) { o.lockTimeout = max(d, 1) } // bbolt takes 0 for "forever"
}

// WithHistory sets how many batches are kept in memory for watchers; 4,096 by default, at least 1.
func WithHistory(batches int) Option {
	return func(o *options) { o.history = max(batches, 1) }
}

// Bolt is a [Store] in a bbolt file.
type Bolt struct {
	path    string
	file    os.FileInfo // that path named when it was opened
	db      *bolt.DB
	cluster string
	history *history
	keys    keys

	queue   chan *request // full: Commit waits
	closing chan struct{} // closed by Close: nothing new is taken
	stopped chan struct{} // closed by the writer: nothing is written any more
	close   func() error

	failed error // owned by the writer: why nothing can be written any more
}

var _ Store = (*Bolt)(nil)

// OpenBolt opens the store in a file, and creates it if it does not exist; its folder must. A file that another process
// has open is [ErrLocked].
func OpenBolt(path string, opts ...Option) (Store, error) {
	o := options{lockTimeout: 2 * time.Second, history: 4096}
	for _, opt := range opts {
		opt(&o)
	}
	if err := checkSize(path, o.lockTimeout); err != nil {
		return nil, explain(path, err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: o.lockTimeout,
		// The list of free pages is found again when the file is opened, so that a commit does not have to write it.
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		// Address space, not memory: large enough that readers hardly ever hold up a writer who maps the file anew.
		InitialMmapSize: 64 << 20,
		NoStatistics:    true,
	})
	if err != nil {
		return nil, explain(path, err)
	}
	s := &Bolt{
		path:    path,
		db:      db,
		queue:   make(chan *request, 256),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	revision, err := s.prepare()
	if err == nil {
		s.file, err = os.Stat(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	s.history = newHistory(o.history, revision)
	s.close = sync.OnceValue(s.shut)
	go s.write()
	return s, nil
}

// checkSize refuses a file that was cut off, such as a copy that did not finish: bbolt maps it into memory and would be
// killed by SIGBUS where it ends.
func checkSize(path string, lockTimeout time.Duration) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // it will be created
	}
	if err == nil && !info.Mode().IsRegular() {
		return errors.New("it is not a regular file: want one, or a name that is free")
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return err
	}
	var used int64
	err = db.View(func(tx *bolt.Tx) error {
		used = tx.Size()
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if info, err = os.Stat(path); err != nil {
		return err
	}
	if info.Size() < used {
		return fmt.Errorf("it ends after %d of %d bytes: %w", info.Size(), used, bolterrors.ErrInvalid)
	}
	return nil
}

// explain says what an error of opening the file means.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("open %s: %w: stop it, or use another data_dir", path, ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("open %s: it is not a store of Tapline, or damaged (%w): restore it from a backup, or move it away", path, err)
	default:
		return fmt.Errorf("open store %s: %w", path, err)
	}
}

// prepare brings the file to the present schema and reserves the first keys.
func (s *Bolt) prepare() (revision uint64, err error) {
	err = s.db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if meta, err = create(tx); err != nil {
				return err
			}
		}
		if have := number(meta, metaSchema); have != schema {
			return fmt.Errorf("it has schema %d, and this controller knows schema %d: use the controller that wrote it, or a newer one", have, schema)
		}
		for _, kind := range kinds {
			if _, err := tx.CreateBucketIfNotExists([]byte(kind)); err != nil {
				return err
			}
		}
		s.cluster = string(meta.Get(metaCluster))
		revision = number(meta, metaRevision)
		// Keys below the limit may have been given out before, so the first block starts there.
		limit := uint32(number(meta, metaKeyLimit))
		s.keys = keys{last: limit, limit: limit}
		limit, _ = s.keys.wanted()
		s.keys.reserved(limit)
		return putNumber(meta, metaKeyLimit, uint64(limit))
	})
	if err != nil {
		return 0, err
	}
	return revision, syncFolder(filepath.Dir(s.path))
}

func create(tx *bolt.Tx) (*bolt.Bucket, error) {
	if name, _ := tx.Cursor().First(); name != nil {
		return nil, fmt.Errorf("it is a bbolt file of something else: it has a bucket %q and no %q", name, bucketMeta)
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

// syncFolder makes a new file's name survive the loss of power; fsync(2) of the file itself does not.
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
	state := State{ClusterID: s.cluster, LastKey: s.keys.highest()}
	err := s.db.View(func(tx *bolt.Tx) error {
		state.Revision = number(tx.Bucket(bucketMeta), metaRevision)
		for _, kind := range kinds {
			err := tx.Bucket([]byte(kind)).ForEach(func(id, value []byte) error {
				if len(value) < 8 {
					return fmt.Errorf("load %s: %s %q is damaged: it has %d bytes, and the revision alone has 8", s.path, kind, id, len(value))
				}
				state.Records = append(state.Records, Record{
					Kind: kind, ID: string(id), Revision: binary.BigEndian.Uint64(value), Value: bytes.Clone(value[8:]),
				})
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

// Watch implements [Store].
func (s *Bolt) Watch(ctx context.Context, after uint64) (<-chan Event, error) {
	return s.history.watch(ctx, after)
}

// Close implements [Store]. It may be called again, and then returns the same.
func (s *Bolt) Close() error { return s.close() }

func (s *Bolt) shut() error {
	close(s.closing)
	<-s.stopped
	s.history.close()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// number reads 8 bytes; what was never written is 0.
func number(b *bolt.Bucket, key []byte) uint64 {
	if v := b.Get(key); len(v) >= 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func putNumber(b *bolt.Bucket, key []byte, n uint64) error {
	return b.Put(key, binary.BigEndian.AppendUint64(nil, n))
}
