package replica

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store/etcd"
)

// Config is what a member needs. Logger may be nil.
type Config struct {
	Etcd  etcd.Config
	Name  string // of this replica; no two have the same
	URL   string // where its API is reached
	Lease time.Duration
	// Memory is the file in which it remembers how far the store had come; "": it does not.
	Memory string
	Logger *slog.Logger
}

const (
	// attemptTime limits one request to etcd.
	attemptTime = time.Second
	// lookPause is the time between two looks at who leads. A resigned leader is succeeded after
	// about half of it.
	lookPause = 200 * time.Millisecond
)

// Peer is a replica as it is registered.
type Peer struct {
	Name  string    `json:"name"`
	URL   string    `json:"url"`
	Since time.Time `json:"since"` // when it got its present role
	// Instance is another one for each process.
	Instance string `json:"instance"`

	Leads bool `json:"-"`
}

// View is what a member knows of the others.
type View struct {
	Peers  []Peer // by name
	Leader Peer   // zero if nobody leads; it need not be a replica: an import is one too
	Term   uint64 // of the leader
	Err    error  // why etcd could not be asked the last time, or nil
	// Restored is why nobody may lead although etcd answers, or nil. It is an [ErrRestored], or
	// what is wrong with the store.
	Restored error
	// Clash is another process that is registered by our name, or zero.
	Clash Peer
}

// Member is this process among the replicas. Its methods may be called concurrently.
type Member struct {
	config Config
	client *clientv3.Client
	self   Peer
	log    *slog.Logger

	// Of Run alone:
	lease  clientv3.LeaseID // of the registration; 0: none
	memory memory
	saved  memory // as it is in the file

	mu      sync.Mutex
	view    View
	changed chan struct{} // closed and replaced when the view changes
	since   time.Time     // when this process began to stand by
	term    *Term         // that we have, or had last
}

// New returns a member. Nothing is sent to etcd before Run.
func New(c Config) (*Member, error) {
	client, err := c.Etcd.Dial()
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}

	remembered := loadMemory(c.Memory)
	return &Member{
		memory: remembered, saved: remembered,
		config: c, client: client, log: c.Logger,
		self:  Peer{Name: c.Name, URL: c.URL, Instance: uuid.NewString()},
		since: now(), changed: make(chan struct{}),
		view: View{Err: errors.New("etcd was not asked yet")},
	}, nil
}

// now is the present time as it is registered.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Close closes the connection to etcd. Run and all terms must have ended.
func (m *Member) Close() error { return m.client.Close() }

// Run keeps this process registered, and the view fresh, until ctx ends. Then it takes the
// registration back.
func (m *Member) Run(ctx context.Context) {
	defer m.unregister(context.WithoutCancel(ctx))
	defer m.remember()

	ticks := time.NewTicker(lookPause)
	defer ticks.Stop()
	var registered time.Time // when the registration was last renewed
	for {
		m.look(ctx)
		if time.Since(registered) > m.config.Lease/4 && m.register(ctx) == nil {
			registered = time.Now()
			m.remember()
		}

		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// View returns what is known of the replicas.
func (m *Member) View() View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

// Changed returns a channel that is closed when the view changes.
func (m *Member) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Name is the name of this replica.
func (m *Member) Name() string { return m.config.Name }

// Lease is how long a leader that was killed counts as one.
func (m *Member) Lease() time.Duration { return m.config.Lease }

// IsSelf reports whether a peer is this process.
func (m *Member) IsSelf(p Peer) bool { return p.Instance == m.self.Instance }

// look asks etcd who leads and who is registered.
func (m *Member) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()

	answer, err := m.client.Txn(ctx).Then(
		clientv3.OpGet(m.config.Etcd.ElectionKey()),
		clientv3.OpGet(m.config.Etcd.ReplicasKey(), clientv3.WithPrefix()),
		clientv3.OpGet(m.config.Etcd.HeadKey()),
		clientv3.OpGet(m.config.Etcd.AcceptedKey()),
	).Commit()
	if err != nil {
		m.failed(err)
		return
	}

	var v View
	v.Restored = m.memory.look(only(answer.Responses[2]), only(answer.Responses[3]))
	if found := answer.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		v.Leader, v.Term = decodePeer(found[0].Value), uint64(found[0].CreateRevision)
	}
	for _, kv := range answer.Responses[1].GetResponseRange().Kvs {
		p := decodePeer(kv.Value)
		p.Name = strings.TrimPrefix(string(kv.Key), m.config.Etcd.ReplicasKey())
		if p.Name == m.config.Name && !m.IsSelf(p) {
			v.Clash = p
		}
		if p.Leads = v.Term > 0 && p.Instance == v.Leader.Instance; p.Leads {
			p.Since = v.Leader.Since
		}
		v.Peers = append(v.Peers, p)
	}

	slices.SortFunc(v.Peers, func(a, b Peer) int { return cmp.Compare(a.Name, b.Name) })
	m.publish(v)
}

// only returns the key of an answer that has one at most, or nil.
func only(answer *etcdserverpb.ResponseOp) *mvccpb.KeyValue {
	if found := answer.GetResponseRange().Kvs; len(found) > 0 {
		return found[0]
	}
	return nil
}

// remember writes the memory to its file, if it has changed.
func (m *Member) remember() {
	if m.config.Memory == "" || m.memory == m.saved {
		return
	}
	if err := m.memory.save(m.config.Memory); err != nil {
		m.log.Warn("how far the store has come cannot be remembered", "error", err)
		return
	}
	m.saved = m.memory
}

// decodePeer reads the value of a key. What is not ours has no name.
func decodePeer(value []byte) (p Peer) {
	_ = json.Unmarshal(value, &p)
	return p
}

// failed notes that etcd could not be asked. Who was there stays in the view; the caller sees from
// Err that it may be old.
func (m *Member) failed(err error) {
	v := m.View()
	v.Err = m.config.Etcd.Explain(err)
	m.publish(v)
}

// publish makes a view the present one, and wakes those who wait for a change.
func (m *Member) publish(v View) {
	m.mu.Lock()
	defer m.mu.Unlock()

	was := m.view
	m.view = v
	if was.Term == v.Term && was.Leader == v.Leader && slices.Equal(was.Peers, v.Peers) &&
		was.Clash == v.Clash && (was.Err == nil) == (v.Err == nil) &&
		(was.Restored == nil) == (v.Restored == nil) {
		return
	}

	if v.Restored != nil && was.Restored == nil {
		m.log.Error("no replica may lead", "error", v.Restored)
	}

	if v.Err != nil && was.Err == nil {
		m.log.Warn("etcd does not say who leads; it is asked again", "error", v.Err)
	}
	if v.Clash != was.Clash && v.Clash != (Peer{}) {
		m.log.Error("another replica has the same name: give each its own replica.name",
			"name", v.Clash.Name, "url", v.Clash.URL, "since", v.Clash.Since)
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// register puts our key, or renews its lease. A key of another process by our name stays: it may be
// that of this replica before its restart, and then it ends with its lease.
func (m *Member) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()

	if m.lease != 0 {
		_, err := m.client.KeepAliveOnce(ctx, m.lease)
		if err == nil && m.isRegistered() {
			return nil
		}
		if err == nil {
			_, _ = m.client.Revoke(ctx, m.lease)
		}
		m.lease = 0
	}

	lease, err := m.client.Grant(ctx, seconds(m.config.Lease))
	if err != nil {
		m.failed(err)
		return err
	}

	key := m.config.Etcd.ReplicasKey() + m.config.Name
	m.mu.Lock()
	self := m.self
	self.Since = m.since
	m.mu.Unlock()
	answer, err := m.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, self.encode(), clientv3.WithLease(lease.ID))).Commit()
	switch {
	case err != nil:
		return err // The lease ends by itself.
	case !answer.Succeeded:
		_, _ = m.client.Revoke(ctx, lease.ID)
		return errors.New("the name is taken")
	}

	m.lease = lease.ID
	return nil
}

// isRegistered reports whether our key is in the view with the time of our present role.
func (m *Member) isRegistered() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.view.Peers, func(p Peer) bool {
		return m.IsSelf(p) && (p.Leads || p.Since.Equal(m.since))
	})
}

func (m *Member) unregister(ctx context.Context) {
	if m.lease == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	_, _ = m.client.Revoke(ctx, m.lease) // Without etcd, it ends by itself.
}

func (p Peer) encode() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // It has only texts and a time.
	}
	return string(text)
}

// seconds is a duration as etcd takes it.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
