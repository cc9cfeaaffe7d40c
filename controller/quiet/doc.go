// Package quiet is a slog.Handler that keeps a peer that fails and returns without end from filling
// the log.
package quiet
