package standing

import "github.com/tapline-sdn/tapline/controller/engine/intent"

// unreadySet holds the services and flows that need something and are not ready. It is walked
// through often, so it is made anew when it has shrunk: a Go map keeps the size that it once had.
// The zero value is empty.
type unreadySet struct {
	members map[intent.Ref]struct{}
	peak    int // most members since the map was made
}

func (s *unreadySet) has(id intent.Ref) bool {
	_, is := s.members[id]
	return is
}

func (s *unreadySet) add(id intent.Ref) {
	if s.members == nil {
		s.members = map[intent.Ref]struct{}{}
	}
	s.members[id] = struct{}{}
	s.peak = max(s.peak, len(s.members))
}

func (s *unreadySet) remove(id intent.Ref) {
	delete(s.members, id)
	size := len(s.members)
	if s.peak <= 64 || size >= s.peak/4 {
		return
	}

	smaller := make(map[intent.Ref]struct{}, size)
	for id := range s.members {
		smaller[id] = struct{}{}
	}

	s.members, s.peak = smaller, size
}
