package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	readTimeout  = 30 * time.Second // of a whole request
	writeTimeout = 30 * time.Second // of an answer, from the end of the request's header
	idleTimeout  = 2 * time.Minute
	drainTimeout = 10 * time.Second // for answers that are under way when the server stops
	maxHeader    = 64 << 10         // bytes
)

// Finisher is a handler that has something left to do when it gets no more requests.
type Finisher interface{ Finish() }

// Finish implements [Finisher]: denials are summarized when a request arrives, and no more will.
func (s *server) Finish() { s.summarizeDenials() }

type stoppingKey struct{}

// Stopping returns a context that is done when the server that serves ctx begins to stop. Requests
// that take long on purpose answer at once then. Outside of [Serve] it is never done.
func Stopping(ctx context.Context) context.Context {
	if s, ok := ctx.Value(stoppingKey{}).(context.Context); ok {
		return s
	}

	return context.Background()
}

// Serve answers requests on ln until ctx ends. Then it accepts no more, ends event streams and
// waits, finishes what is under way within 10 s, and returns nil. With a tlsConfig it speaks TLS.
// Serve closes ln. It bounds the connections, so that clients cannot take the file descriptors that
// hosts need.
func Serve(
	ctx context.Context, ln net.Listener, handler http.Handler, tlsConfig *tls.Config,
) error {
	bounded := newConnections(ln, connectionLimit())
	srv := &http.Server{
		Handler:           handler,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState:         bounded.noteState,
		// Requests outlive ctx, so that a write that is under way is finished.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx)
		},
	}

	served := make(chan error, 1)
	go func() {
		if tlsConfig != nil {
			served <- srv.ServeTLS(bounded, "", "")
		} else {
			served <- srv.Serve(bounded)
		}
	}()

	select {
	case err := <-served:
		return fmt.Errorf("api: serving on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}

	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := srv.Shutdown(drain)
	if err != nil {
		err = errors.Join(err, srv.Close())
		err = fmt.Errorf("api: some answers on %s were cut off: %w", ln.Addr(), err)
	}
	<-served

	if f, ok := handler.(Finisher); ok {
		f.Finish()
	}
	return err
}
