package filter

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestManyClauses checks that a conjunction of more clauses than a switch takes is never chosen.
func TestManyClauses(t *testing.T) {
	clause := []cube{cube{}.withType(typeIPv4), cube{}.withType(typeIPv6)}
	r := region{}
	for range maxClauses {
		r.clauses = append(r.clauses, clause)
	}
	assert.Equal(t, 1+2*maxClauses, r.flows())

	r.clauses = append(r.clauses, clause)
	assert.Greater(t, r.flows(), MaxFlows)
}
