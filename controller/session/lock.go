package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Two controllers that start from copies of one data directory have the same cluster id, and would
// each take the other's rows for their own: the switch would follow one and then the other. So a
// session writes only while it holds a lock of the switch's database (RFC 7047, 4.1.8). Without a
// term it never steals the lock: who comes second stands back, says so, and goes on when the first
// has ended. With one, package tapline has elected it, and it steals; see fence.go.

// rivalTime is how long a host that is to be removed waits for its lock. A connection of ours that
// was cut has the lock until the server misses it: it asks for a sign of life after 5 s, and waits
// 5 s for it.
const rivalTime = 15 * time.Second

// errRival says that the lock is not held.
type errRival struct{ lock string }

func (e errRival) Error() string {
	return fmt.Sprintf("another controller with the same cluster id, or another host of this one, "+
		"keeps this switch: it holds the lock %s of the switch's database", e.lock)
}

// lockName is the name of the lock of a cluster, which may have letters, digits and underscores.
func lockName(cluster string) string {
	allowed := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}
	return "tapline_" + strings.Map(allowed, cluster)
}

// takeLock waits until the session holds the lock of its cluster. It returns nil, and no error, if
// the server has no locks.
func (s *Session) takeLock(
	ctx context.Context, conn *client.Conn, before *vswitch.Snapshot,
) (lock *client.Lock, retired bool, err error) {
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	name := lockName(s.config.Cluster)
	lock, err = conn.Lock(asking, name)
	var refused *client.RPCError
	switch {
	case errors.As(err, &refused):
		s.log.Warn("the switch's database has no locks: nothing keeps a second controller away",
			"error", err)
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case lock.Held():
		return lock, false, nil
	}

	s.link.EndTurn()
	s.log.Error("this switch is left alone", "error", errRival{name})
	s.config.Report(Report{Problem: errRival{name}.Error(), Snapshot: before})
	retire, giveUp := s.retire, (<-chan time.Time)(nil)
	for !lock.Held() {
		select {
		case <-lock.Changed():
		case <-conn.Done():
			return nil, false, conn.Err()
		case <-retire:
			retire, giveUp = nil, time.After(rivalTime)
		case <-giveUp:
			s.log.Warn("host is removed while another controller keeps it: what stands there stays")
			return nil, true, nil
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}

	s.log.Info("this switch is kept from now on")
	return lock, false, s.link.TakeTurn(ctx, conn.Done())
}
