// Package access says who sends a request and what he may do: roles, tokens, names of client certificates, and the limit on
// failures. It knows neither HTTP nor resources.
//
// A token is "tl_", ten characters that name it, "_", and a secret of 260 random bits. What is stored is the SHA-256 of the whole:
// a slow hash, as passwords need one, would protect against guessing what people think up, and nobody guesses 260 bits, while
// each request would pay for it. The name finds the record, and digests are compared in constant time, against nobody's digest if
// there is no record, so that the time tells neither whether a name exists nor how much of a secret is right.
//
// A [Keyring] owns no goroutine but the one that calls Run, and the timers that end tokens.
package access
