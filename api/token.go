package api

import (
	"encoding/json"
	"time"
)

// Token is an access token without its secret, which only [TokenCreated] has.
type Token struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Role       string `json:"role"`         // viewer, operator or admin
	CreatedAt  string `json:"created_at"`   // RFC 3339; "" for the built-in token
	CreatedBy  string `json:"created_by"`   // name of the token or certificate that made it
	ExpiresAt  string `json:"expires_at"`   // RFC 3339; "": never
	Expired    bool   `json:"expired"`      // it is not accepted any more
	LastUsedAt string `json:"last_used_at"` // RFC 3339; "": never
	BuiltIn    bool   `json:"builtin"`      // it is the token in the file admin.token
}

// TokenCreated is the answer to the creation of a token.
type TokenCreated struct {
	Token
	// Secret is sent as "Authorization: Bearer TOKEN". It is not stored and cannot be read again.
	Secret string `json:"token"`
}

// TokenCreate creates a token.
type TokenCreate struct {
	Name string `json:"name"`
	Role string `json:"role"`
	// ExpiresAt is nil for the lifetime that the controller is configured with, and points to a
	// zero time for never.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// MarshalJSON implements json.Marshaler: never is null.
func (t TokenCreate) MarshalJSON() ([]byte, error) {
	type plain TokenCreate
	if t.ExpiresAt == nil || !t.ExpiresAt.IsZero() {
		return json.Marshal(plain(t))
	}
	return json.Marshal(struct {
		Name      string     `json:"name"`
		Role      string     `json:"role"`
		ExpiresAt *time.Time `json:"expires_at"`
	}{Name: t.Name, Role: t.Role})
}

// TokenList is the answer to a list of tokens.
type TokenList struct {
	Tokens []Token `json:"tokens"`
	Total  int     `json:"total"`
}
