// Package access decides who sends a request and what the sender may do: roles, tokens, names of
// client certificates, and a limit on failures. It knows neither HTTP nor resources.
//
// A token is "tl_", ten characters that name it, "_", and a secret of 260 random bits. The store
// has the SHA-256 of the whole token. A slow hash, as passwords need, would cost time on each
// request and gain nothing: nobody can guess 260 bits. The name finds the record. Digests are
// compared in constant time, also if there is no record, so the time of an answer reveals neither
// whether a name exists nor how much of a secret is right.
//
// A [Keyring] owns the timers that end tokens. Its only goroutine is the caller's of Run.
package access
