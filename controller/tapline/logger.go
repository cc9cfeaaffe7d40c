package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/tapline-sdn/tapline/controller/quiet"
)

// newLogger returns a logger that writes text and bounds how often one message is repeated.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	return slog.New(quiet.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))), nil
}
