package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role says what a sender may do. Each role includes the ones before it.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // read everything but tokens and the audit log
	Operator Role = "operator" // also write guests, tap services and tap flows
	Admin    Role = "admin"    // everything
)

// Roles returns all roles, the least powerful first.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// ParseRole parses the name of a role.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) {
		return "", fmt.Errorf("%q is not a role: want %s, %s or %s", s, Viewer, Operator, Admin)
	}
	return Role(s), nil
}

// Includes reports whether r may do what needs another role. An unknown role includes nothing.
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
