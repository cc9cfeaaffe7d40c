package access

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api/redact"
)

const (
	prefix   = redact.TokenPrefix
	idLength = redact.TokenIDLength
	// AdminID is the id and the name of the token in the file admin.token.
	AdminID = "admin"
)

// Token is what is known of a token; the secret is not.
type Token struct {
	ID         string
	Name       string
	Role       Role
	CreatedAt  time.Time
	CreatedBy  string    // name of whose token or certificate it was
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: never; after a crash up to ten minutes too early
	BuiltIn    bool      // it is the one of the file admin.token
}

// Expired reports whether the token's time is over.
func (t Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// record is a token on disk.
type record struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Role       Role      `json:"role"`
	SHA256     []byte    `json:"sha256"` // of the whole token
	CreatedAt  time.Time `json:"created_at"`
	CreatedBy  string    `json:"created_by"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// newSecret makes a token, with the id that is a part of it.
func newSecret() (id, token string) {
	id = strings.ToLower(rand.Text()[:idLength])
	return id, prefix + id + "_" + rand.Text() + rand.Text()
}

// idOf is the id in a token, "" if it is none of ours. It need not exist.
func idOf(token string) string {
	rest, ours := strings.CutPrefix(token, prefix)
	if !ours || len(rest) <= idLength || rest[idLength] != '_' {
		return ""
	}
	return rest[:idLength]
}

func digest(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }
