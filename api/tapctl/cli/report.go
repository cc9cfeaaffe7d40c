package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// errReported is an error that was printed already.
var errReported = errors.New("reported already")

// Each does something with every argument. A failure is reported and does not keep the others from
// being tried.
func (a *App) Each(cmd *cobra.Command, args []string, do func(ref string) error) error {
	var failed error
	for _, ref := range args {
		err := do(ref)
		if err == nil {
			continue
		}

		if len(args) == 1 || errors.Is(err, context.Canceled) {
			return err
		}

		a.report(cmd.Context(), cmd.CommandPath()+": "+format.Printable(ref), err)
		failed = errReported
	}

	return failed
}

// Settle sets the exit code after a write with --wait. It prints the status of the resource unless
// it is the wanted one.
func (a *App) Settle(noun, name string, health kind.Health) {
	if a.Wait == 0 {
		return
	}

	reason := format.First(health.Reason, "no reason is given")

	switch health.Status {
	case api.Error:
		fmt.Fprintf(a.Err, "%s %q is in error: %s\n",
			noun, format.Printable(name), format.Printable(reason))
		a.SetOutcome(ExitFailed)
	case api.Pending:
		fmt.Fprintf(a.Err, "%s %q is still pending after %s: %s\n",
			noun, format.Printable(name), a.Wait, format.Printable(reason))
		a.SetOutcome(ExitPending)
	}
}

// SettleDeletion prints that a deletion is not complete, and why, and sets the exit code.
func (a *App) SettleDeletion(noun, name, reason string) {
	reason = format.First(reason, "not all switches have dropped it yet")
	fmt.Fprintf(a.Err, "%s %q is being deleted: %s\n",
		noun, format.Printable(name), format.Printable(reason))
	a.SetOutcome(ExitPending)
}

// report prints an error: what is wrong, where, and what to do next.
func (a *App) report(ctx context.Context, path string, err error) {
	if lines, next, ok := advice.Of(err); ok {
		for _, line := range lines {
			fmt.Fprintf(a.Err, "%s: %s\n", path, format.Printable(line))
		}
		if next != "" {
			fmt.Fprintf(a.Err, "  next: %s\n", next)
		}
		return
	}

	var refused *client.Error
	switch {
	case errors.As(err, &refused):
		a.reportRefusal(path, refused)
		a.suggest(ctx, refused)
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(
			a.Err,
			"%s: interrupted\n  next: it is not known whether a change took effect; "+
				"check with a list or show command\n",
			path,
		)
	default:
		fmt.Fprintf(a.Err, "%s: %s\n  next: %s\n",
			path, format.Printable(err.Error()), nextAfterNoAnswer(err))
	}
}

// reportRefusal prints why the controller refused a request.
func (a *App) reportRefusal(path string, refused *client.Error) {
	p := refused.Problem
	if len(p.Errors) == 0 {
		fmt.Fprintf(a.Err, "%s: %s\n", path, format.Printable(p.Detail))
	}

	for _, f := range p.Errors {
		fmt.Fprintf(a.Err, "%s: %s: %s\n",
			path, format.Printable(f.Field), format.Printable(f.Detail))
	}

	if p.FilterError != nil && refused.Filter != "" {
		a.reportFilter(refused.Filter, *p.FilterError)
	}

	url := refused.URL
	if a.failover != nil {
		url = a.failover.urlOf(url)
	}

	fmt.Fprintf(a.Err, "  where: %s %s answered %d %s\n",
		refused.Method, url, p.Status, http.StatusText(p.Status))

	if next := cmp.Or(nextAfterCode[p.Code], nextAfterStatus[p.Status]); next != "" {
		fmt.Fprintf(a.Err, "  next: %s\n", next)
	}
}

// nextAfterNoAnswer says what to do about a request without an answer.
func nextAfterNoAnswer(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		remote    *net.OpError
	)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the controller speaks no TLS there: give --server or TAPLINE_SERVER with http:// " +
			"in front"
	case errors.As(err, &authority):
		return "give the CA certificate that signed the controller's certificate with --ca-file " +
			"or TAPLINE_CA_FILE"
	case errors.As(err, &name):
		return "give --server or TAPLINE_SERVER with a name or an address that is in the " +
			"controller's certificate"
	case errors.As(err, &remote) && remote.Op == "remote error": // crypto/tls: an alert of the peer
		return "the controller refuses our certificate, or the lack of one: give one that " +
			"api.tls.client_ca has signed with --cert-file and --key-file"
	}

	return "check that the controller runs (tapline serve) and that --server or TAPLINE_SERVER " +
		"names it"
}

// nextAfterCode says what to do about a problem, where its code tells more than the status.
var nextAfterCode = map[string]string{
	"host_unreachable": "bring the host back, or delete it with --force: it is cleaned when it " +
		"returns",
	"in_progress": "wait a moment and look whether it was created",
}

// nextAfterStatus says what to do about an answer of each status.
var nextAfterStatus = map[int]string{
	http.StatusBadRequest:           "correct the value; --help shows what the command takes",
	http.StatusUnauthorized:         "give the content of admin.token with " + tokenFlags,
	http.StatusForbidden:            "use a token of that role; token-create makes one",
	http.StatusTooManyRequests:      "wait a moment, or give a valid token with " + tokenFlags,
	http.StatusNotFound:             "the list commands show what exists",
	http.StatusConflict:             "look at what it conflicts with; change or delete that first",
	http.StatusPreconditionFailed:   "somebody else has changed it meanwhile; look again",
	http.StatusServiceUnavailable:   "try again in a moment; nothing was changed",
	http.StatusInternalServerError:  "look into the controller's log",
	http.StatusUnsupportedMediaType: "check that --server is the controller itself",
}

const tokenFlags = "--token-file, TAPLINE_TOKEN_FILE, --token or TAPLINE_TOKEN"
