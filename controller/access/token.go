package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

const (
	prefix = "tl_"
	// idLength is in characters of 5 bits. The id tells tokens apart; it is not secret.
	idLength = 10
	// AdminID is the id and the name of the token in the file admin.token.
	AdminID = "admin"
)

// Token describes a token, without its secret.
type Token struct {
	ID         string
	Name       string
	Role       Role
	CreatedAt  time.Time
	CreatedBy  string    // name of the token or certificate that created it
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: never; up to ten minutes too early after a crash
	BuiltIn    bool      // the token of the file admin.token
}

// Expired reports whether the token has expired.
func (t Token) Expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// record is a token in the store.
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

// sameAs reports whether two records are of one token that means the same.
func (r record) sameAs(o record) bool {
	return r.ID == o.ID && r.Name == o.Name && r.Role == o.Role &&
		bytes.Equal(r.SHA256, o.SHA256) && r.ExpiresAt.Equal(o.ExpiresAt)
}

// public returns the record without its digest, for the audit log; nil for a nil record.
func (r *record) public() json.RawMessage {
	if r == nil {
		return nil
	}

	out, err := json.Marshal(struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Role      Role      `json:"role"`
		ExpiresAt time.Time `json:"expires_at,omitzero"`
	}{r.ID, r.Name, r.Role, r.ExpiresAt})
	if err != nil {
		// Only a year beyond 9999 has no JSON form, and the API refuses it.
		panic("a token without its digest has no JSON form: " + err.Error())
	}
	return out
}

// newSecret makes a token and the id that is a part of it.
func newSecret() (id, token string) {
	id = strings.ToLower(rand.Text()[:idLength])
	return id, prefix + id + "_" + rand.Text() + rand.Text()
}

// idOf returns the id in a token, or "" if it does not look like one of ours. The token need not
// exist.
func idOf(token string) string {
	rest, ours := strings.CutPrefix(token, prefix)
	if !ours || len(rest) <= idLength || rest[idLength] != '_' {
		return ""
	}
	return rest[:idLength]
}

func digest(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// tokenPattern matches tokens anywhere in a text.
var tokenPattern = regexp.MustCompile(`(tl_[a-z2-7]{10})_[A-Za-z0-9]+`)

// Redact removes the secrets of tokens from a text that goes to a log.
func Redact(text string) string {
	if !strings.Contains(text, prefix) {
		return text
	}
	return tokenPattern.ReplaceAllString(text, "${1}_...")
}
