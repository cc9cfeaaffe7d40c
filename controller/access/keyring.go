package access

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/store"
)

// flushTime is how often the times of last use are stored.
const flushTime = 10 * time.Minute

// Errors of changes that callers tell apart; the change was not made.
var (
	ErrNotFound = errors.New("there is no such token")
	ErrTaken    = errors.New("the name is taken")
	ErrBuiltIn  = errors.New("it is the token of the file admin.token")
	ErrExpired  = errors.New("the token has expired")
)

// Records is where tokens are kept; a store.Store is one.
type Records interface {
	Load(ctx context.Context) (store.State, error)
	Commit(ctx context.Context, ops ...store.Op) (uint64, error)
}

// Config is what a keyring is made of.
type Config struct {
	Admin   []byte          // content of admin.token; "" lets nobody in with it
	Clients map[string]Role // common name of a client certificate -> role; nil: no certificate is an identity
	Records Records         // nil: tokens last as long as the keyring
	Audit   Audit           // nil: nobody is told
	Logger  *slog.Logger    // nil discards
	Now     func() time.Time
}

// Audit is told of each change before it is stored; its error prevents it. *audit.Log is one.
type Audit interface {
	Change(context.Context, audit.Change) error
}

// Keyring knows who is let in. Its methods may be called at the same time.
type Keyring struct {
	config Config
	admin  *entry // nil if there is none

	write sync.Mutex // one change at a time; before mu
	mu    sync.RWMutex
	byID  map[string]*entry
}

// entry is a token in memory. Its record is never changed.
type entry struct {
	record record
	used   atomic.Int64    // UnixNano of the last use since the start
	until  context.Context // done when it is revoked or has expired
	revoke context.CancelFunc
}

// New loads the tokens. Close ends them.
func New(ctx context.Context, config Config) (*Keyring, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Keyring{config: config, byID: map[string]*entry{}}
	if len(config.Admin) > 0 {
		sum := digest(string(config.Admin))
		k.admin = k.enter(record{ID: AdminID, Name: AdminID, Role: Admin, SHA256: sum[:]})
	}
	if config.Records == nil {
		return k, nil
	}
	state, err := config.Records.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	for _, r := range state.Records {
		if r.Kind != store.KindToken {
			continue
		}
		var t record
		if err := json.Unmarshal(r.Value, &t); err != nil {
			return nil, fmt.Errorf("stored token %s: %w", r.ID, err)
		}
		k.byID[t.ID] = k.enter(t)
	}
	return k, nil
}

func (k *Keyring) enter(r record) *entry {
	e := &entry{record: r}
	if r.ExpiresAt.IsZero() {
		e.until, e.revoke = context.WithCancel(context.Background())
	} else {
		e.until, e.revoke = context.WithTimeout(context.Background(), r.ExpiresAt.Sub(k.config.Now()))
	}
	return e
}

// Run stores now and then when tokens were last used, until ctx ends, and then a last time.
func (k *Keyring) Run(ctx context.Context) {
	tick := time.NewTicker(flushTime)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.flush(ctx)
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			k.flush(ctx)
			return
		}
	}
}

// flush stores times of use. What fails is tried again the next time.
func (k *Keyring) flush(ctx context.Context) {
	if k.config.Records == nil {
		return
	}
	k.write.Lock()
	defer k.write.Unlock()
	var ops []store.Op
	var fresh []*entry
	for _, e := range k.entries() {
		last := e.lastUsed()
		if !last.After(e.record.LastUsedAt) {
			continue
		}
		now := &entry{record: e.record, until: e.until, revoke: e.revoke}
		now.record.LastUsedAt = last
		now.used.Store(last.UnixNano())
		value, err := json.Marshal(now.record)
		if err != nil {
			k.config.Logger.Error("a token cannot be encoded", "token", e.record.Name, "error", err)
			continue
		}
		ops, fresh = append(ops, store.Op{Kind: store.KindToken, ID: e.record.ID, Value: value}), append(fresh, now)
	}
	if len(ops) == 0 {
		return
	}
	if _, err := k.config.Records.Commit(ctx, ops...); err != nil {
		k.config.Logger.Warn("when tokens were last used could not be stored", "error", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range fresh {
		k.byID[e.record.ID] = e
	}
}

// entries are the tokens of the store.
func (k *Keyring) entries() []*entry {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]*entry, 0, len(k.byID))
	for _, e := range k.byID {
		out = append(out, e)
	}
	return out
}

func (e *entry) lastUsed() time.Time {
	if ns := e.used.Load(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return e.record.LastUsedAt
}

func (e *entry) token() Token {
	r := e.record
	return Token{ID: r.ID, Name: r.Name, Role: r.Role, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy,
		ExpiresAt: r.ExpiresAt, LastUsedAt: e.lastUsed(), BuiltIn: r.ID == AdminID}
}

// List returns all tokens by name, expired ones included.
func (k *Keyring) List() []Token {
	var out []Token
	if k.admin != nil {
		out = append(out, k.admin.token())
	}
	for _, e := range k.entries() {
		out = append(out, e.token())
	}
	slices.SortFunc(out, func(a, b Token) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Get returns the token of an id or name. The error is [ErrNotFound].
func (k *Keyring) Get(ref string) (Token, error) {
	if e := k.find(ref); e != nil {
		return e.token(), nil
	}
	return Token{}, fmt.Errorf("%w as %q", ErrNotFound, redact.Tokens(ref))
}

func (k *Keyring) find(ref string) *entry {
	if k.admin != nil && ref == AdminID {
		return k.admin
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if e := k.byID[ref]; e != nil {
		return e
	}
	for _, e := range k.byID {
		if e.record.Name == ref {
			return e
		}
	}
	return nil
}

// Create makes a token of a name, role and expiry, and returns it and its secret, which nobody can tell again. A name that exists
// is [ErrTaken].
func (k *Keyring) Create(ctx context.Context, t Token) (Token, string, error) {
	k.write.Lock()
	defer k.write.Unlock()
	if t.Name == AdminID || k.find(t.Name) != nil {
		return Token{}, "", fmt.Errorf("%w: there is a token %q already", ErrTaken, t.Name)
	}
	now := k.config.Now().UTC()
	if t.Expired(now) {
		return Token{}, "", fmt.Errorf("%w: %s has passed", ErrExpired, t.ExpiresAt.Format(time.RFC3339))
	}
	id, secret := newSecret()
	sum := digest(secret)
	e := k.enter(record{ID: id, Name: t.Name, Role: t.Role, SHA256: sum[:], CreatedAt: now, CreatedBy: t.CreatedBy, ExpiresAt: t.ExpiresAt.UTC()})
	if err := k.commit(ctx, e.record, nil, &e.record); err != nil {
		e.revoke()
		return Token{}, "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byID[id] = e
	return e.token(), secret, nil
}

// Revoke ends a token and deletes it. What is being sent to who used it ends at once.
func (k *Keyring) Revoke(ctx context.Context, ref string) error {
	k.write.Lock()
	defer k.write.Unlock()
	e := k.find(ref)
	switch {
	case e == nil:
		return fmt.Errorf("%w as %q", ErrNotFound, redact.Tokens(ref))
	case e == k.admin:
		return fmt.Errorf("%w: delete that file and start the controller again, and it is replaced by another", ErrBuiltIn)
	}
	if err := k.commit(ctx, e.record, &e.record, nil); err != nil {
		return err
	}
	k.mu.Lock()
	delete(k.byID, e.record.ID)
	k.mu.Unlock()
	e.revoke()
	return nil
}

// commit stores a record that was made (after) or deleted (before).
func (k *Keyring) commit(ctx context.Context, about record, before, after *record) error {
	op := store.Op{Kind: store.KindToken, ID: about.ID}
	if after != nil {
		value, err := json.Marshal(after)
		if err != nil {
			return fmt.Errorf("token %s: %w", about.Name, err)
		}
		op.Value = value
	}
	if k.config.Audit != nil {
		change := audit.Change{Kind: "token", ID: about.ID, Name: about.Name, Before: before.public(), After: after.public()}
		if err := k.config.Audit.Change(ctx, change); err != nil {
			return err
		}
	}
	if k.config.Records == nil {
		return nil
	}
	if _, err := k.config.Records.Commit(ctx, op); err != nil {
		return fmt.Errorf("token %s could not be stored: %w", about.Name, err)
	}
	return nil
}

// public is a record without its digest; nil stays nil.
func (r *record) public() json.RawMessage {
	if r == nil {
		return nil
	}
	out, err := json.Marshal(struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Role      Role      `json:"role"`
		ExpiresAt time.Time `json:"expires_at,omitzero"`
	}{r.ID, r.Name, r.Role, r.ExpiresAt})
	if err != nil {
		panic("a token without its digest has no JSON form: " + err.Error()) // times of years beyond 9999 are refused before
	}
	return out
}

// Close ends what tokens hold; nobody is let in any more.
func (k *Keyring) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.byID {
		e.revoke()
	}
	clear(k.byID)
	if k.admin != nil {
		k.admin.revoke()
	}
}
