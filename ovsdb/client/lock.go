package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Lock is this connection's claim on a lock of the server (RFC 7047, 4.1.8).
// Whether it is held may change at any time; a transaction that relies on it
// contains an ovsdb.Assert.
type Lock struct {
	conn    *Conn
	name    string
	held    atomic.Bool
	changed chan struct{}
}

// Lock asks for a lock. It returns at once; where somebody else holds the lock,
// the claim waits in line. Where ctx ends before the server has answered, the
// server may hold the claim all the same; only closing the connection ends it.
func (c *Conn) Lock(ctx context.Context, name string) (*Lock, error) {
	return c.claim(ctx, "lock", name)
}

// Steal takes a lock, whoever holds it.
func (c *Conn) Steal(ctx context.Context, name string) (*Lock, error) {
	return c.claim(ctx, "steal", name)
}

func (c *Conn) claim(ctx context.Context, method, name string) (*Lock, error) {
	l := &Lock{conn: c, name: name, changed: make(chan struct{}, 1)}
	c.mu.Lock()
	if c.locks[name] != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("%s: this connection claims %q already", method, name)
	}

	c.locks[name] = l
	c.mu.Unlock()
	err := c.call(ctx, method, stringParams(name), func(result []byte) error {
		cursor := jsontext.NewCursor(result)
		for member := range cursor.Object() {
			if string(member) == "locked" {
				l.set(cursor.Bool())
			}
		}

		return cursor.End()
	})
	if err != nil {
		c.forget(l)
		return nil, err
	}

	return l, nil
}

func (c *Conn) forget(l *Lock) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.locks[l.name] == l {
		delete(c.locks, l.name)
	}

	l.set(false)
}

// Held reports whether the lock is held, as far as the server has said.
func (l *Lock) Held() bool { return l.held.Load() && l.conn.Err() == nil }

// Changed receives when Held may have changed since the last receive.
func (l *Lock) Changed() <-chan struct{} { return l.changed }

// Unlock gives the lock, or the place in line, back.
func (l *Lock) Unlock(ctx context.Context) error {
	l.conn.forget(l)
	return l.conn.call(ctx, "unlock", stringParams(l.name), func([]byte) error { return nil })
}

func (l *Lock) set(held bool) {
	l.held.Store(held)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (c *Conn) locked(params [][]byte, _ int) error { return c.setLock(params[0], true) }
func (c *Conn) stolen(params [][]byte, _ int) error { return c.setLock(params[0], false) }

func (c *Conn) setLock(param []byte, held bool) error {
	cursor := jsontext.NewCursor(param)
	name := cursor.String()
	if err := cursor.End(); err != nil {
		return errors.New("name of a lock is no string")
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if l := c.locks[name]; l != nil { // none: it crossed our unlock
		l.set(held)
	}

	return nil
}
