package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Lock is this connection's claim on a lock of the server (RFC 7047, 4.1.8). Whether it is held may
// change at any time, so a transaction that relies on it contains an ovsdb.Assert.
//
// The name of a lock is an <id>: letters, digits and underscores. A lock belongs to a connection:
// the assert of another connection fails, a new connection must claim the lock again, and a server
// that restarts has forgotten all claims. A lock that was stolen stays claimed. It comes back by
// itself when the thief's connection ends, unless Unlock or the end of this connection drops the
// claim.
type Lock struct {
	conn    *Conn
	name    string
	held    atomic.Bool
	lost    atomic.Bool
	changed chan struct{}
}

// Lock claims a lock. It returns once the server has answered, with or without the lock: if
// somebody else holds it, the claim waits in line. If ctx ends before the answer, the server may
// have recorded the claim; only the end of the connection drops it.
func (c *Conn) Lock(ctx context.Context, name string) (*Lock, error) {
	return c.claim(ctx, "lock", name)
}

// Steal takes a lock from whoever holds it.
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

// Held reports whether the lock is held, by what the server said last.
func (l *Lock) Held() bool { return l.held.Load() && l.conn.Err() == nil }

// Lost reports whether the lock was stolen since it was claimed, although it may have come back.
// Others may have written in between.
func (l *Lock) Lost() bool { return l.lost.Load() }

// Changed receives when Held may have changed since the last receive.
func (l *Lock) Changed() <-chan struct{} { return l.changed }

// Unlock gives up the lock, or the place in line.
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

	if l := c.locks[name]; l != nil { // nil: the notification crossed our unlock
		if !held {
			l.lost.Store(true)
		}
		l.set(held)
	}

	return nil
}
