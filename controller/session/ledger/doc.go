// Package ledger knows what was changed on a switch and whether the switch has applied it, what has
// stood, and which differences are therefore somebody else's doing.
//
// It is pure: it is told the time and what was written, and does no I/O.
package ledger
