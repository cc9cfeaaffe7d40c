package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// final are errors with which etcd refuses a request, so that it is not carried out, and that a
// repetition does not cure.
var final = []error{
	rpctypes.ErrNoSpace, rpctypes.ErrTooManyOps, rpctypes.ErrRequestTooLarge,
	rpctypes.ErrUserEmpty, rpctypes.ErrAuthFailed, rpctypes.ErrPermissionDenied,
	rpctypes.ErrAuthNotEnabled, rpctypes.ErrInvalidAuthToken,
}

// isFinal reports whether an error means that a request was not carried out.
func isFinal(err error) bool {
	for _, f := range final {
		if errors.Is(err, f) {
			return true
		}
	}
	return false
}

// explain says what an error of etcd means, and what to do. Errors of our own stay as they are.
func (c Config) explain(err error) error {
	where := strings.Join(c.Endpoints, ", ")
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: compact and defragment etcd or raise its --quota-backend-bytes, "+
			"then run etcdctl alarm disarm", err)
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return fmt.Errorf("%w: want --max-txn-ops=128 or more", err)
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("%w: user %q must be allowed to read and write everything under %s",
			err, c.Username, newKeyspace(c.Prefix).all())
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("%w: etcd asks for a user, and none is given", err)
	case errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrAuthNotEnabled):
		return fmt.Errorf("%w: check the user and the password", err)
	case errors.Is(err, rpctypes.ErrNoLeader), errors.Is(err, rpctypes.ErrLeaderChanged):
		return fmt.Errorf("most members of etcd must run and reach each other (%s): %w", where, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		isStatus(err, codes.DeadlineExceeded, codes.Unavailable, codes.Canceled):
		// The context is that of an attempt, and not the caller's.
		return fmt.Errorf("etcd does not answer in time (%s): %v", where, err)
	}
	return err
}

func isStatus(err error, any ...codes.Code) bool {
	s, ok := status.FromError(err)
	if !ok {
		return false
	}
	for _, code := range any {
		if s.Code() == code {
			return true
		}
	}
	return false
}

// diagnose connects to the members by itself, since the client keeps to itself why it cannot. It
// returns "" if nothing is wrong with the connections.
func (c Config) diagnose() (found string) {
	for _, endpoint := range c.Endpoints {
		if err := c.tryEndpoint(endpoint); err != nil {
			found += fmt.Sprintf("; %s: %v", endpoint, err)
		}
	}
	return found
}

// tryEndpoint connects to a member. A server that refuses our certificate says so only when we read
// from it; one that does not sends its settings.
func (c Config) tryEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.AttemptTime)
	defer cancel()

	if u.Scheme != "https" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return err
		}
		return conn.Close()
	}

	secure := c.TLS.Clone()
	if secure == nil {
		secure = &tls.Config{}
	}
	secure.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()

	_ = conn.SetReadDeadline(time.Now().Add(c.AttemptTime))
	_, err = conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
