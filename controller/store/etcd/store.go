package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Config says where the store is. Endpoints is needed; every other zero value is a default.
type Config struct {
	Endpoints []string // URLs of etcd's members, such as http://10.0.0.1:2379
	Prefix    string   // of all keys; "" is /tapline
	TLS       *tls.Config
	Username  string // "" if etcd asks for none
	Password  string

	// Name is shown to others that find the prefix in use.
	Name string
	// Shared lets several processes write to the prefix; each of them watches what the others
	// write. Otherwise the store takes the lock of the prefix, and fails with [store.ErrLocked]
	// while another process has it.
	Shared bool
	// Leader is for a process that was elected: it has the key of the lock already, and writes as
	// long as that key stands. Otherwise nil.
	Leader Leader
	// ReadOnly is for looking: it takes no lock, creates nothing, and refuses to write.
	ReadOnly bool

	Logger  *slog.Logger
	History int // batches that are kept for watchers; 4,096

	AttemptTime time.Duration // limit of one request to etcd; 1 s
	CommitTime  time.Duration // how long a write is repeated; 5 s
	OpenTime    time.Duration // how long Open waits for etcd, and then for the lock; 10 s
	LockTime    time.Duration // how long the lock outlives a process that was killed; 5 s
}

func (c Config) withDefaults() Config {
	orElse := func(d *time.Duration, other time.Duration) {
		if *d == 0 {
			*d = other
		}
	}

	orElse(&c.AttemptTime, time.Second)
	orElse(&c.CommitTime, 5*time.Second)
	orElse(&c.OpenTime, 10*time.Second)
	orElse(&c.LockTime, 5*time.Second)
	if c.Prefix == "" {
		c.Prefix = "/tapline"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.History == 0 {
		c.History = 4096
	}
	return c
}

// Store is a [store.Store] in etcd.
type Store struct {
	*store.Queue
	config Config
	keys   keyspace
	client *clientv3.Client
	writer string // names this process in the head
	secret []byte
	lock   *lock // nil if the store is shared

	stop    context.CancelFunc // ends the watch
	running sync.WaitGroup
	close   func() error

	// Of the writer's goroutine alone:
	sequence  uint64       // of the last transaction that was prepared
	unsettled *transaction // its callers got an error, and its outcome is not known
	closer    *transaction // settles unsettled; nil if it was not sent yet

	mu        sync.Mutex
	head      seenHead
	revisions map[recordID]uint64 // of the records, as of head
	inFlight  *transaction        // may become visible before its answer comes
	moved     chan struct{}       // closed and replaced when head changes
	dead      error               // why nothing is written any more
	problem   error               // why the last request to etcd failed, or nil
}

var _ store.Store = (*Store)(nil)

// Open opens the store under a prefix, and creates it if there is none. It waits for etcd, and for
// another process that has the prefix, as long as the configuration says.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := connect(c)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", s.keys, err), s.client.Close())
	}

	s.start()
	return s, nil
}

// connect makes a store that has read nothing yet.
func connect(c Config) (*Store, error) {
	c = c.withDefaults()
	client, err := c.Dial()
	if err != nil {
		return nil, err
	}
	return &Store{
		config: c, keys: newKeyspace(c.Prefix), client: client, writer: uuid.NewString(),
		moved: make(chan struct{}),
	}, nil
}

// open reads what is there, and takes the lock.
func (s *Store) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.OpenTime)
	defer cancel()

	if err := s.reach(ctx); err != nil {
		return err
	}

	switch {
	case s.config.Leader != nil:
		s.lock = leaderLock(s)
	case !s.config.Shared && !s.config.ReadOnly:
		s.lock = newLock(s)
		if err := s.lock.acquire(ctx); err != nil {
			return err
		}
	}

	err := s.prepare(ctx)
	if err != nil && s.lock != nil {
		s.lock.release()
	}
	return err
}

// reach waits until etcd answers, since it may be starting, or electing a leader.
func (s *Store) reach(ctx context.Context) error {
	for {
		_, err := s.get(ctx, s.keys.head())
		switch {
		case err == nil:
			return nil
		case isFinal(err):
			return s.config.explain(err)
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("%w%s", s.config.explain(err), s.config.diagnose())
		case <-time.After(retryPause):
		}
	}
}

// retryPause is the time between attempts.
const retryPause = 50 * time.Millisecond

// prepare reads what is under the prefix. It creates a store if there is nothing.
func (s *Store) prepare(ctx context.Context) error {
	found, err := s.readAll(ctx)
	if errors.Is(err, errEmpty) && !s.config.ReadOnly {
		if err = s.create(ctx); err == nil {
			found, err = s.readAll(ctx)
		}
	}
	if err != nil {
		return err
	}

	s.secret = found.secret
	s.head, s.revisions = found.head, found.revisions()
	s.Queue = store.NewQueue(
		store.NewHistory(s.config.History, found.head.Revision),
		store.NewKeys(found.head.KeyLimit),
	)
	return nil
}

// start starts the goroutines.
func (s *Store) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.close = sync.OnceValue(s.shutDown)

	s.running.Go(func() { s.follow(ctx) })
	if s.lock != nil && s.config.Leader == nil {
		s.running.Go(func() { s.lock.keep(ctx) })
	}

	health := time.NewTicker(healthPause)
	s.running.Go(func() {
		defer health.Stop()
		s.Run(s.write, health.C)
	})
}

// healthPause is how often a store that nobody uses asks whether etcd answers.
const healthPause = 2 * time.Second

// Close implements [store.Store]. Further calls return the same error.
func (s *Store) Close() error { return s.close() }

func (s *Store) shutDown() error {
	s.Queue.Close()
	err := s.settleAtEnd()
	s.stop()
	s.running.Wait()
	if s.lock != nil {
		s.lock.release()
	}
	return errors.Join(err, s.client.Close())
}

// Err returns why the store cannot be used at the moment, or nil. It takes mu.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return s.dead
	}
	return s.problem
}

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context) (store.State, error) {
	if err := ctx.Err(); err != nil {
		return store.State{}, err
	}
	if s.IsClosed() {
		return store.State{}, store.ErrClosed
	}

	found, err := s.readAll(ctx)
	if err == nil {
		err = s.awaitHead(ctx, found.head) // A watch from the loaded revision must work.
	}
	switch {
	case ctx.Err() != nil:
		return store.State{}, ctx.Err()
	case err != nil:
		return store.State{}, fmt.Errorf("load %s: %w", s.keys, err)
	}

	return store.State{
		ClusterID: found.head.ClusterID,
		Secret:    found.secret,
		LastKey:   s.Keys.Last(found.head.KeyLimit),
		Revision:  found.head.Revision,
		Records:   found.records,
	}, nil
}
