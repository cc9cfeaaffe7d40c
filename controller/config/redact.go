package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
)

// Redacted replaces a secret.
const Redacted = "REDACTED"

// redacted returns a value without the settings whose names suggest a secret.
func redacted(v document.Value) document.Value {
	switch v.Kind {
	case document.List:
		v.Items = slices.Clone(v.Items)
		for i, item := range v.Items {
			v.Items[i] = redacted(item)
		}
	case document.Object:
		v.Fields = slices.Clone(v.Fields)
		for i, f := range v.Fields {
			if looksSecret(f.Name) && f.Value.Kind != document.Null {
				v.Fields[i].Value = exactText(Redacted)
			} else {
				v.Fields[i].Value = redacted(f.Value)
			}
		}
	}
	return v
}

// looksSecret reports whether a setting of this name is likely to hold a secret itself, rather than
// the path of a file that does.
func looksSecret(name string) bool {
	name = strings.ToLower(name)
	for _, suffix := range []string{"file", "path", "dir"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}

	for _, word := range []string{
		"password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "auth",
		"community",
	} {
		if strings.Contains(name, word) {
			return true
		}
	}

	return strings.HasSuffix(name, "key") || strings.HasPrefix(name, "private")
}

// uriPassword matches a URI up to the end of its user information (RFC 3986, 3.2.1).
var uriPassword = regexp.MustCompile(`^([^:/?#]+://[^/?#:@]*:)[^/?#@]*@`)

// withoutPassword removes the password from a URI.
func withoutPassword(uri string) string {
	return uriPassword.ReplaceAllString(uri, "${1}"+Redacted+"@")
}
