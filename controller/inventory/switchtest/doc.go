// Package switchtest makes snapshots of switches for tests, from few words.
package switchtest
