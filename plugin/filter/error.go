package filter

import "fmt"

// Error says which part of an expression cannot be compiled, and why. Offset and Length count
// octets of the expression that was given to [Parse] or [Compile], so that a caret can be placed
// under it. An error about the whole expression, such as one about its size, covers all of it.
type Error struct {
	Offset  int    // of the part, from 0
	Length  int    // of the part; 0 where something is missing, such as at the end
	Problem string // what is wrong, without a full stop
	Hint    string // what would be possible instead; may be empty
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("at character %d: %s", e.Offset+1, e.Problem)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}
