package cmd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/tapline-sdn/tapline/api/client"
)

// explain prints an error: what is wrong, where, and what to do next.
func (a *App) explain(path string, err error) {
	if a.explainDocuments(path, err) {
		return
	}
	var refused *client.Error
	var local *localError
	switch {
	case errors.As(err, &refused):
		p := refused.Problem
		if len(p.Errors) == 0 {
			fmt.Fprintf(a.Err, "%s: %s\n", path, printable(p.Detail))
		}
		for _, f := range p.Errors {
			fmt.Fprintf(a.Err, "%s: %s: %s\n", path, printable(f.Field), printable(f.Detail))
		}
		fmt.Fprintf(a.Err, "  where: %s %s answered %d %s\n", refused.Method, refused.URL, p.Status, http.StatusText(p.Status))
		if next := nextAfter(p.Status); next != "" {
			fmt.Fprintf(a.Err, "  next: %s\n", next)
		}
	case errors.As(err, &local):
		fmt.Fprintf(a.Err, "%s: %v\n", path, err)
		if local.next != "" {
			fmt.Fprintf(a.Err, "  next: %s\n", local.next)
		}
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(a.Err, "%s: interrupted\n  next: whether a change took effect is unknown; look with a list or show command\n", path)
	default:
		fmt.Fprintf(a.Err, "%s: %v\n  next: %s\n", path, err, nextUnreached(err))
	}
}

// nextUnreached says what to do where no answer came.
func nextUnreached(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		remote    *net.OpError
	)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the controller speaks no TLS there: give --server or TAPLINE_SERVER with http:// in front"
	case errors.As(err, &authority):
		return "name the certificate of the authority that vouches for the controller with --ca-file or TAPLINE_CA_FILE"
	case errors.As(err, &name):
		return "give --server or TAPLINE_SERVER with a name or an address that is in the controller's certificate"
	case errors.As(err, &remote) && remote.Op == "remote error": // crypto/tls calls an alert of the other end so.
		return "the controller refuses our certificate, or the lack of one: give one that api.tls.client_ca vouches for with --cert-file and --key-file"
	}
	return "check that the controller runs (tapline serve) and that --server or TAPLINE_SERVER names it"
}

// nextAfter says what to do about an answer.
func nextAfter(status int) string {
	return map[int]string{
		http.StatusBadRequest:           "correct the value; --help shows what the command takes",
		http.StatusUnauthorized:         "give the content of admin.token with --token-file, TAPLINE_TOKEN_FILE, --token or TAPLINE_TOKEN",
		http.StatusForbidden:            "use a token of that role; who has an admin token makes one with token-create --role",
		http.StatusTooManyRequests:      "give a right token with --token-file, TAPLINE_TOKEN_FILE, --token or TAPLINE_TOKEN",
		http.StatusNotFound:             "the list commands show what there is",
		http.StatusConflict:             "show what it clashes with, and change or delete that first",
		http.StatusPreconditionFailed:   "somebody has changed it meanwhile; look again",
		http.StatusServiceUnavailable:   "try again in a moment; nothing was changed",
		http.StatusInternalServerError:  "look into the log of the controller",
		http.StatusUnsupportedMediaType: "check that --server is the controller itself",
	}[status]
}

// localError is a failure on this side of the wire.
type localError struct {
	err  error
	next string
}

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }
