package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role says what somebody may do. Each includes those before it.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // read everything but tokens and the audit log
	Operator Role = "operator" // and write guests, tap services and tap flows
	Admin    Role = "admin"    // and everything else
)

// Roles lists them, the least first.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// ParseRole reads a role.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) {
		return "", fmt.Errorf("%q is not a role: want %s, %s or %s", s, Viewer, Operator, Admin)
	}
	return Role(s), nil
}

// Includes reports whether who has r may do what needs another role. What is not a role includes nothing.
func (r Role) Includes(other Role) bool {
	have, want := slices.Index(Roles(), r), slices.Index(Roles(), other)
	return want >= 0 && have >= want
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(text []byte) error {
	parsed, err := ParseRole(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
