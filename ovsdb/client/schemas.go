package client

import (
	"crypto/sha256"
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Schemas keeps parsed schemas by their text, so that connections to many
// servers of few versions share them: that of Open vSwitch takes 30 KB. Its
// methods may be called at the same time. The zero value is ready for use; nil
// keeps nothing.
type Schemas struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*ovsdb.DatabaseSchema
}

// maxSchemas bounds what a peer that makes schemas up can fill.
const maxSchemas = 64

func (s *Schemas) parse(text []byte) (*ovsdb.DatabaseSchema, error) {
	if s == nil {
		return ovsdb.ParseSchema(text)
	}
	sum := sha256.Sum256(text)
	s.mu.Lock()
	known := s.known[sum]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	parsed, err := ovsdb.ParseSchema(text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[sum]; known != nil {
		return known, nil
	}
	if s.known == nil || len(s.known) >= maxSchemas {
		s.known = map[[sha256.Size]byte]*ovsdb.DatabaseSchema{}
	}
	s.known[sum] = parsed
	return parsed, nil
}
