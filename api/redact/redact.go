// Package redact takes secrets out of text that goes to a log, a trace or an error. It knows what
// access tokens look like; package controller/access makes and checks them.
package redact

import (
	"regexp"
	"strings"
)

const (
	// TokenPrefix begins each token: tl_ID_SECRET.
	TokenPrefix = "tl_"
	// TokenIDLength is the number of characters of ID. Each is one of 32, which makes 50 bits:
	// enough to tell tokens apart, and not a secret.
	TokenIDLength = 10
)

// tokens matches a token anywhere in a text. Users may send one as a name by mistake.
var tokens = regexp.MustCompile(`(tl_[a-z2-7]{10})_[A-Za-z0-9]+`)

// Tokens returns the text without the secrets of tokens; their ids stay.
func Tokens(text string) string {
	if !strings.Contains(text, TokenPrefix) {
		return text
	}

	return tokens.ReplaceAllString(text, "${1}_...")
}
