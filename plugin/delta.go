package plugin

import (
	"fmt"
	"sync"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The planner returns whole programs, while a change touches few objects of a program. On the wire
// a program is therefore sent as its difference to the last program of the same host: runs of
// objects that stay are named by their place in that program. Both ends remember the last program
// of each host until the stream ends or the host is gone.

// sentPrograms is what the plugin's end of a stream remembers.
type sentPrograms struct {
	mu         sync.Mutex
	remembered bool // the controller remembers programs too
	byHost     map[string]tap.Program
	leaving    []leavingHost
}

// leavingHost is a host whose program is forgotten once a revision was answered.
type leavingHost struct {
	revision uint64
	host     string
}

// noteChange notes which hosts a change removes, and whether the controller remembers programs.
func (s *sentPrograms) noteChange(c *tap.Change, remembered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.remembered = remembered
	for _, host := range c.Gone.Hosts {
		s.leaving = append(s.leaving, leavingHost{c.Revision, host})
	}

	if !c.Reset {
		return
	}

	// A snapshot removes all hosts that it does not contain.
	stays := map[string]bool{}
	for i := range c.Hosts {
		stays[c.Hosts[i].ID] = true
	}

	for host := range s.byHost {
		if !stays[host] {
			s.leaving = append(s.leaving, leavingHost{c.Revision, host})
		}
	}
}

// encode makes the message of a result, and remembers the result's programs.
func (s *sentPrograms) encode(r *tap.Result) (*pb.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	message, err := resultToPB(r, s.byHost)
	if err != nil || !s.remembered {
		return message, err
	}

	if s.byHost == nil {
		s.byHost = map[string]tap.Program{}
	}

	for _, p := range r.Programs {
		s.byHost[p.Host] = p
	}

	later := s.leaving[:0]
	for _, l := range s.leaving {
		if l.revision > r.Revision {
			later = append(later, l)
			continue
		}
		delete(s.byHost, l.host)
		message.ForgottenHosts = append(message.ForgottenHosts, l.host)
	}

	s.leaving = later
	return message, nil
}

// lookAhead is how far ahead an object is searched for in the last program. An object behind a
// longer run of removed ones is sent anew.
const lookAhead = 64

// listToPB converts a list of objects of a program. Objects that stand in the last list are sent as
// runs: kept makes the message of a run of n objects from a place in the last list.
func listToPB[T, M any](
	last, now []T, equal func(a, b *T) bool,
	kept func(n, from uint32) M, convert func(*T) (M, error),
) ([]M, error) {
	var out []M

	// The run that is not written yet is the run objects before next.
	next, run := 0, 0
	flush := func() {
		if run > 0 {
			out = append(out, kept(uint32(run), uint32(next-run)))
			run = 0
		}
	}

	for i := range now {
		limit := min(next+lookAhead, len(last))
		at := next
		for at < limit && !equal(&last[at], &now[i]) {
			at++
		}

		if at < limit {
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

// keptMessage is the message of an object of a program, or of a run of objects that stay.
type keptMessage interface {
	GetKept() uint32
	GetKeptFrom() uint32
}

// maxList bounds a list with runs: a run takes few octets on the wire, however long it is.
const maxList = 1 << 20

// listFromPB is the reverse of listToPB.
func listFromPB[M keptMessage, T any](
	last []T, list []M, convert func(M) (T, error),
) ([]T, error) {
	size := 0
	for i, m := range list {
		n, from := int(m.GetKept()), int(m.GetKeptFrom())
		size += max(n, 1)
		inside := from <= len(last) && n <= len(last)-from
		if !inside || n > 0 && size > maxList {
			return nil, fmt.Errorf("[%d]: %d are kept from place %d of %d", i, n, from, len(last))
		}
	}

	if size == 0 {
		return nil, nil
	}

	out := make([]T, 0, size)
	for i, m := range list {
		if n, from := m.GetKept(), m.GetKeptFrom(); n > 0 {
			out = append(out, last[from:from+n]...)
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
