package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of [Keyring.Authenticate]; also [ErrExpired].
var (
	ErrMissing = errors.New("the request carries no token")
	ErrWrong   = errors.New("the token is not the right one")
)

// Identity is who sends a request.
type Identity struct {
	Kind string // "token" or "certificate"
	ID   string // of the token; the common name of a certificate
	Name string
	Role Role
	// Until is done when the identity ends, since it was revoked or has expired.
	Until context.Context
	stop  context.CancelFunc
}

// Release ends what the identity holds; it is no longer to be used.
func (i Identity) Release() {
	if i.stop != nil {
		i.stop()
	}
}

// Authenticate says who sends a request that has a header Authorization ("" if it has none) and a verified client certificate (nil
// if it has none). A token decides where there is one; a certificate counts if its common name is known.
func (k *Keyring) Authenticate(authorization string, cert *x509.Certificate) (Identity, error) {
	if authorization == "" {
		return k.certificate(cert)
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, fmt.Errorf("%w: the scheme of Authorization is to be Bearer", ErrWrong)
	}
	e := k.match(strings.TrimSpace(token))
	if e == nil {
		return Identity{}, ErrWrong
	}
	now := k.config.Now()
	if t := e.token(); t.Expired(now) { // Told only to who has it.
		return Identity{}, fmt.Errorf("%w at %s: ask for another", ErrExpired, t.ExpiresAt.Format(time.RFC3339))
	}
	e.used.Store(now.UnixNano())
	return Identity{Kind: "token", ID: e.record.ID, Name: e.record.Name, Role: e.record.Role, Until: e.until}, nil
}

// match finds the entry of a token. It does the same work whatever is wrong with the token.
func (k *Keyring) match(token string) *entry {
	given := digest(token)
	k.mu.RLock()
	stored := k.byID[idOf(token)]
	k.mu.RUnlock()
	found := same(stored, given)
	admin := same(k.admin, given)
	switch {
	case token == "":
		return nil
	case found:
		return stored
	case admin:
		return k.admin
	}
	return nil
}

func same(e *entry, given [sha256.Size]byte) bool {
	want := make([]byte, sha256.Size)
	if e != nil {
		copy(want, e.record.SHA256)
	}
	return subtle.ConstantTimeCompare(given[:], want) == 1 && e != nil
}

func (k *Keyring) certificate(cert *x509.Certificate) (Identity, error) {
	if cert == nil || len(k.config.Clients) == 0 {
		return Identity{}, ErrMissing
	}
	name := cert.Subject.CommonName
	role, known := k.config.Clients[name]
	if name == "" || !known {
		return Identity{}, fmt.Errorf("%w, and no role is configured for the certificate's common name %q", ErrMissing, name)
	}
	until, stop := context.WithTimeout(context.Background(), cert.NotAfter.Sub(k.config.Now()))
	return Identity{Kind: "certificate", ID: name, Name: name, Role: role, Until: until, stop: stop}, nil
}
