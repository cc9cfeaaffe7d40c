package main

import (
	"io"
	"log/slog"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/quiet"
)

// newLogger returns a logger that bounds how often one message is repeated.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if c.Format == config.LogJSON {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(quiet.New(handler))
}
