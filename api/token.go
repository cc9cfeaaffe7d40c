package api

import "time"

// Token is what is known of a token; its secret is told only by [TokenCreated].
type Token struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Role       string `json:"role"`         // viewer, operator or admin
	CreatedAt  string `json:"created_at"`   // RFC 3339; "" of the built-in one
	CreatedBy  string `json:"created_by"`   // name of the token or certificate that made it
	ExpiresAt  string `json:"expires_at"`   // RFC 3339; "": never
	Expired    bool   `json:"expired"`      // nobody is let in with it any more
	LastUsedAt string `json:"last_used_at"` // RFC 3339; "": never
	BuiltIn    bool   `json:"builtin"`      // it is the one of the file admin.token
}

// TokenCreated answers the creation of a token.
type TokenCreated struct {
	Token
	Secret string `json:"token"` // to be sent as "Authorization: Bearer TOKEN"; it is not stored and not told again
}

// TokenCreate creates a token.
type TokenCreate struct {
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // never if nil
}

// TokenList answers a list of tokens.
type TokenList struct {
	Tokens []Token `json:"tokens"`
	Total  int     `json:"total"`
}
