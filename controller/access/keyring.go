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

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Errors of changes to tokens. The change was not made.
var (
	ErrNotFound = errors.New("there is no such token")
	ErrTaken    = errors.New("the name is taken")
	ErrBuiltIn  = errors.New("it is the token of the file admin.token")
	ErrExpired  = errors.New("the token has expired")
)

// Records keeps tokens; a store.Store is one.
type Records interface {
	Load(ctx context.Context) (store.State, error)
	Commit(ctx context.Context, ops ...store.Op) (uint64, error)
}

// Audit records each change before it is stored. If it returns an error, the change is not made.
// *audit.Log is one.
type Audit interface {
	Change(context.Context, audit.Change) error
}

// Config configures a keyring.
type Config struct {
	Admin []byte // content of admin.token; empty: there is no admin token
	// Clients has roles by common name of a client certificate; nil: certificates do not count. See
	// also SetClients.
	Clients map[string]Role
	Records Records      // nil: tokens last as long as the keyring
	Audit   Audit        // nil: changes are not recorded
	Logger  *slog.Logger // nil: nothing is logged
	Now     func() time.Time
}

// Keyring holds the tokens. Its methods may be called concurrently.
type Keyring struct {
	config Config
	admin  *entry // nil if there is none

	write sync.Mutex // serializes changes; locked before mu

	mu   sync.RWMutex
	byID map[string]*entry // tokens of the store
	// clients has the certificates that count, by common name.
	clients map[string]*client
}

// entry is a token in memory. Its record is never changed.
type entry struct {
	record record
	used   atomic.Int64    // UnixNano of the last use since the start
	until  context.Context // done when the token is revoked or expires
	revoke context.CancelFunc
}

// New loads the tokens. Close revokes them in memory.
func New(ctx context.Context, config Config) (*Keyring, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}

	k := &Keyring{config: config, byID: map[string]*entry{}}
	k.SetClients(config.Clients)
	if len(config.Admin) > 0 {
		sum := digest(string(config.Admin))
		k.admin = k.newEntry(record{ID: AdminID, Name: AdminID, Role: Admin, SHA256: sum[:]})
	}

	if config.Records == nil {
		return k, nil
	}
	state, err := config.Records.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load tokens: %w", err)
	}
	return k, k.Adopt(state, config.Records)
}

// Adopt makes the tokens of a store those of the keyring, and has changes go to records; nil: they
// last as long as the keyring. Streams of tokens that are no longer there end at once.
func (k *Keyring) Adopt(state store.State, records Records) error {
	k.write.Lock()
	defer k.write.Unlock()

	found := map[string]record{}
	for _, r := range state.Records {
		if r.Kind != store.KindToken {
			continue
		}
		var t record
		if err := json.Unmarshal(r.Value, &t); err != nil {
			return fmt.Errorf("load token %s: %w", r.ID, err)
		}
		found[t.ID] = t
	}

	k.mu.Lock()
	defer k.mu.Unlock()

	k.config.Records = records
	for id, e := range k.byID {
		if t, ok := found[id]; !ok || !t.sameAs(e.record) {
			e.revoke()
			delete(k.byID, id)
		}
	}
	for id, t := range found {
		if k.byID[id] == nil {
			k.byID[id] = k.newEntry(t)
		}
	}
	return nil
}

// Rest has nobody change tokens any more, since somebody else keeps them. Those that are known
// still count.
func (k *Keyring) Rest() {
	k.write.Lock()
	defer k.write.Unlock()
	k.config.Records = nil
}

// newEntry returns an entry that ends when its token expires.
func (k *Keyring) newEntry(r record) *entry {
	e := &entry{record: r}
	if r.ExpiresAt.IsZero() {
		e.until, e.revoke = context.WithCancel(context.Background())
	} else {
		validFor := r.ExpiresAt.Sub(k.config.Now())
		e.until, e.revoke = context.WithTimeout(context.Background(), validFor)
	}
	return e
}

func (e *entry) lastUsed() time.Time {
	if ns := e.used.Load(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return e.record.LastUsedAt
}

func (e *entry) token() Token {
	r := e.record
	return Token{
		ID:         r.ID,
		Name:       r.Name,
		Role:       r.Role,
		CreatedAt:  r.CreatedAt,
		CreatedBy:  r.CreatedBy,
		ExpiresAt:  r.ExpiresAt,
		LastUsedAt: e.lastUsed(),
		BuiltIn:    r.ID == AdminID,
	}
}

// entries returns the tokens of the store. It locks mu.
func (k *Keyring) entries() []*entry {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]*entry, 0, len(k.byID))
	for _, e := range k.byID {
		out = append(out, e)
	}
	return out
}

// find returns the entry of an id or name, or nil. It locks mu.
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

// List returns all tokens by name, including expired ones.
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

// Get returns the token with an id or name, or [ErrNotFound].
func (k *Keyring) Get(ref string) (Token, error) {
	if e := k.find(ref); e != nil {
		return e.token(), nil
	}
	return Token{}, fmt.Errorf("%w as %q", ErrNotFound, Redact(ref))
}

// Create makes a token with the name, role and expiry of t. It returns the token and its secret,
// which cannot be read again. A name that exists is [ErrTaken].
func (k *Keyring) Create(ctx context.Context, t Token) (Token, string, error) {
	k.write.Lock()
	defer k.write.Unlock()

	if t.Name == AdminID || k.find(t.Name) != nil {
		return Token{}, "", fmt.Errorf("%w: there is already a token %q", ErrTaken, t.Name)
	}

	now := k.config.Now().UTC()
	if t.Expired(now) {
		expiredAt := t.ExpiresAt.Format(time.RFC3339)
		return Token{}, "", fmt.Errorf("%w: %s has passed", ErrExpired, expiredAt)
	}

	id, secret := newSecret()
	sum := digest(secret)
	e := k.newEntry(record{
		ID:        id,
		Name:      t.Name,
		Role:      t.Role,
		SHA256:    sum[:],
		CreatedAt: now,
		CreatedBy: t.CreatedBy,
		ExpiresAt: t.ExpiresAt.UTC(),
	})

	if err := k.commit(ctx, e.record, nil, &e.record); err != nil {
		e.revoke()
		return Token{}, "", err
	}

	k.mu.Lock()
	defer k.mu.Unlock()

	k.byID[id] = e
	return e.token(), secret, nil
}

// Revoke deletes a token. Open streams of its users end at once.
func (k *Keyring) Revoke(ctx context.Context, ref string) error {
	k.write.Lock()
	defer k.write.Unlock()

	e := k.find(ref)
	switch {
	case e == nil:
		return fmt.Errorf("%w as %q", ErrNotFound, Redact(ref))
	case e == k.admin:
		return fmt.Errorf(
			"%w: to replace it, delete the file and restart the controller", ErrBuiltIn)
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

// commit records and stores a creation (after is set) or a deletion (before is set).
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
		err := k.config.Audit.Change(ctx, audit.Change{
			Kind: "token", ID: about.ID, Name: about.Name,
			Before: before.public(), After: after.public(),
		})
		if err != nil {
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

// Close ends all tokens and certificates in memory: nobody is authenticated any more.
func (k *Keyring) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.byID {
		e.revoke()
	}
	clear(k.byID)
	for _, c := range k.clients {
		c.revoke()
	}
	clear(k.clients)
	if k.admin != nil {
		k.admin.revoke()
	}
}
