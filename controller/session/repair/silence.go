package repair

import "maps"

// Silence knows the captures that deliver nothing for now. Nobody can know what is mirrored while
// the rows of a capture are not as they must be, and nothing of that is to reach a collector. The
// zero value is ready for use.
type Silence struct {
	// Disputed captures have rows that are not as they must be and may not be repaired yet.
	disputed map[string]bool
	// Intruders have ports to which mirrors of somebody else copy, with what is wrong.
	intruders map[string]string
	// Unproven captures were made together with the tap bridge, and their tunnel path is not known
	// to work yet.
	unproven map[string]bool
	// FedBack captures have copies that come back into them.
	fedBack map[string]bool

	silenced map[string]bool // all of them
	restored map[string]bool // those of before, which get their flows back
}

// Intruders says which owners' ports get what somebody else copies. Like the methods that follow,
// it reports whether other flows are wanted now.
func (s *Silence) Intruders(found map[string]string) (changed bool) {
	s.intruders = found
	return s.update()
}

// Dispute says which captures are in dispute.
func (s *Silence) Dispute(owners map[string]bool) (changed bool) {
	s.disputed = owners
	return s.update()
}

// Unproven says which captures are new together with the tap bridge.
func (s *Silence) Unproven(owners map[string]bool) { s.unproven = owners }

// Proven keeps only those unproven that still are.
func (s *Silence) Proven(still func(owner string) bool) {
	maps.DeleteFunc(s.unproven, func(owner string, _ bool) bool { return !still(owner) })
}

// FeedBack says which captures are stopped since their copies come back into them.
func (s *Silence) FeedBack(owners map[string]bool) (changed bool) {
	s.fedBack = owners
	return s.update()
}

// FedBack reports whether a capture is stopped since its copies come back into it.
func (s *Silence) FedBack(owner string) bool { return s.fedBack[owner] }

func (s *Silence) update() (changed bool) {
	now := maps.Clone(s.disputed)
	if now == nil {
		now = map[string]bool{}
	}

	for owner := range s.intruders {
		now[owner] = true
	}

	maps.Copy(now, s.unproven)
	maps.Copy(now, s.fedBack)
	if maps.Equal(now, s.silenced) {
		return false
	}

	s.restored, s.silenced = s.silenced, now
	return true
}

// Owners are the captures that deliver nothing. The caller does not change it.
func (s *Silence) Owners() map[string]bool { return s.silenced }

// Affects reports whether the flows of an owner are taken away, or come back, for this reason
// alone.
func (s *Silence) Affects(owner string) bool { return s.silenced[owner] || s.restored[owner] }

// Restored notes that the flows of captures that deliver again have been written.
func (s *Silence) Restored() { s.restored = nil }

// Intruder says what somebody else copies to a port of an owner, or "".
func (s *Silence) Intruder(owner string) string { return s.intruders[owner] }
