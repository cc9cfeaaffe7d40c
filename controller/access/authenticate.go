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

// Errors of [Keyring.Authenticate], besides [ErrExpired].
var (
	ErrMissing = errors.New("the request carries no token")
	ErrWrong   = errors.New("the token is not valid")
)

// Identity is who sends a request.
type Identity struct {
	Kind string // "token" or "certificate"
	ID   string // of the token; the common name of a certificate
	Name string
	Role Role
	// Until is done when the identity is revoked or expires.
	Until   context.Context
	release context.CancelFunc
}

// Release frees what the identity holds. The identity must not be used afterwards.
func (i Identity) Release() {
	if i.release != nil {
		i.release()
	}
}

// Authenticate returns who sends a request, from its Authorization header ("" if there is none) and
// its verified client certificate (nil if there is none). A token takes precedence over a
// certificate. A certificate counts if a role is configured for its common name.
func (k *Keyring) Authenticate(authorization string, cert *x509.Certificate) (Identity, error) {
	if authorization == "" {
		return k.authenticateCertificate(cert)
	}

	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, fmt.Errorf("%w: the scheme of Authorization must be Bearer", ErrWrong)
	}

	e := k.match(strings.TrimSpace(token))
	if e == nil {
		return Identity{}, ErrWrong
	}

	now := k.config.Now()
	if t := e.token(); t.Expired(now) {
		expiredAt := t.ExpiresAt.Format(time.RFC3339)
		return Identity{}, fmt.Errorf("%w at %s: ask for another", ErrExpired, expiredAt)
	}

	e.used.Store(now.UnixNano())
	return Identity{
		Kind: "token", ID: e.record.ID, Name: e.record.Name, Role: e.record.Role, Until: e.until,
	}, nil
}

// match returns the entry of a token, or nil. It does the same work whatever is wrong with the
// token. It locks mu.
func (k *Keyring) match(token string) *entry {
	given := digest(token)
	k.mu.RLock()
	stored := k.byID[idOf(token)]
	k.mu.RUnlock()

	isStored := hasDigest(stored, given)
	isAdmin := hasDigest(k.admin, given)
	switch {
	case token == "":
		return nil
	case isStored:
		return stored
	case isAdmin:
		return k.admin
	}

	return nil
}

// hasDigest compares in constant time, also if there is no entry.
func hasDigest(e *entry, given [sha256.Size]byte) bool {
	want := make([]byte, sha256.Size)
	if e != nil {
		copy(want, e.record.SHA256)
	}
	return subtle.ConstantTimeCompare(given[:], want) == 1 && e != nil
}

func (k *Keyring) authenticateCertificate(cert *x509.Certificate) (Identity, error) {
	k.mu.RLock()
	none := len(k.clients) == 0
	var known *client
	if cert != nil {
		known = k.clients[cert.Subject.CommonName]
	}
	k.mu.RUnlock()

	if cert == nil || none {
		return Identity{}, ErrMissing
	}

	name := cert.Subject.CommonName
	if name == "" || known == nil {
		return Identity{}, fmt.Errorf(
			"%w, and no role is configured for the certificate's common name %q", ErrMissing, name)
	}

	validFor := cert.NotAfter.Sub(k.config.Now())
	until, release := context.WithTimeout(known.until, validFor)
	return Identity{
		Kind: "certificate", ID: name, Name: name, Role: known.role, Until: until, release: release,
	}, nil
}
