package plugin

import (
	"fmt"
	"sync"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A change concerns little of a host, and its program is told whole. On the wire it is told by what differs: what stands as it stood in
// the program that was told of the host before is named by its place there. Both ends remember programs as long as the stream lasts, or
// until the host is gone.

// told is what the plugin's end of a stream remembers.
type told struct {
	mu        sync.Mutex
	remembers bool // the other end does too
	programs  map[string]tap.Program
	leaving   []leaving
}

// leaving is a host that is gone once a revision is answered.
type leaving struct {
	revision uint64
	host     string
}

// heard takes in what becomes of hosts.
func (t *told) heard(c *tap.Change, remembers bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remembers = remembers
	for _, host := range c.Gone.Hosts {
		t.leaving = append(t.leaving, leaving{c.Revision, host})
	}
	if !c.Reset {
		return
	}
	gone := map[string]bool{}
	for host := range t.programs {
		gone[host] = true
	}
	for i := range c.Hosts {
		delete(gone, c.Hosts[i].ID)
	}
	for host := range gone {
		t.leaving = append(t.leaving, leaving{c.Revision, host})
	}
}

// tell makes the message of a result.
func (t *told) tell(r *tap.Result) (*pb.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	message, err := resultToPB(r, t.programs)
	if err != nil || !t.remembers {
		return message, err
	}
	if t.programs == nil {
		t.programs = map[string]tap.Program{}
	}
	for _, p := range r.Programs {
		t.programs[p.Host] = p
	}
	stay := t.leaving[:0]
	for _, l := range t.leaving {
		if l.revision > r.Revision {
			stay = append(stay, l)
			continue
		}
		delete(t.programs, l.host)
		message.ForgottenHosts = append(message.ForgottenHosts, l.host)
	}
	t.leaving = stay
	return message, nil
}

// reach is how far ahead an object is looked for: what comes after more that is gone is told anew.
const reach = 64

// listToPB converts a list of a program: what stands as in the list before is told by where it stands there.
func listToPB[T, M any](before, now []T, same func(a, b *T) bool, kept func(n, from uint32) M, convert func(*T) (M, error)) (out []M, err error) {
	next, run := 0, 0 // What comes is looked for from next on; so many before that are as they were, and not written yet.
	flush := func() {
		if run > 0 {
			out = append(out, kept(uint32(run), uint32(next-run)))
			run = 0
		}
	}
	for i := range now {
		at := next
		for ; at < min(next+reach, len(before)); at++ {
			if same(&before[at], &now[i]) {
				break
			}
		}
		if found := at < min(next+reach, len(before)); found {
			if at > next {
				flush()
			}
			next, run = at+1, run+1
			continue
		}
		flush()
		m, err := convert(&now[i])
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	flush()
	return out, nil
}

// keeper is an object of a program, or some that are as before.
type keeper interface {
	GetKept() uint32
	GetKeptFrom() uint32
}

// maxKept bounds a list of which something is kept: it takes few octets on the wire, however long it is.
const maxKept = 1 << 20

// listFromPB converts such a list back.
func listFromPB[M keeper, T any](before []T, list []M, convert func(M) (T, error)) (out []T, err error) {
	size := 0
	for i, m := range list {
		n, from := int(m.GetKept()), int(m.GetKeptFrom())
		if size += max(n, 1); from > len(before) || n > len(before)-from || n > 0 && size > maxKept {
			return nil, fmt.Errorf("[%d]: %d are kept from place %d of %d", i, n, from, len(before))
		}
	}
	if size > 0 {
		out = make([]T, 0, size)
	}
	for i, m := range list {
		if n, from := m.GetKept(), m.GetKeptFrom(); n > 0 {
			out = append(out, before[from:from+n]...)
			continue
		}
		object, err := convert(m)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		out = append(out, object)
	}
	return out, nil
}
