// Package selection knows which NICs each selector matches, while guests come, move and go.
//
// An [Index] finds the selectors that a guest may match by what they ask: each is filed under the
// values of one of its terms, its anchor. So a guest that appears is compared with the selectors
// that ask for its name, its labels or its place, and not with all. A selector without a term that
// can be filed, such as "!label.x" alone, is compared with every guest.
//
// The package is pure, and has no lock: its owner's guards it.
package selection
