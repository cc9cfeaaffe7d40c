package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// client is the controller's side of the contract.
type client struct{ rpc pb.MirrorClient }

// NewClient returns the Mirror at the other end of a gRPC connection.
func NewClient(conn grpc.ClientConnInterface) Mirror { return &client{pb.NewMirrorClient(conn)} }

// callError separates a call that its caller ended from one that the plugin failed. The former
// wraps an error of package context, as without gRPC. The plugin knows the deadline too and may be
// the first to notice it.
func callError(ctx context.Context, call string, err error) error {
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case status.Code(err) == codes.DeadlineExceeded:
		err = context.DeadlineExceeded
	}
	return fmt.Errorf("%s: %w", call, err)
}

// Describe implements [Mirror].
func (c *client) Describe(ctx context.Context) (Description, error) {
	d, err := c.rpc.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return Description{}, callError(ctx, "describe", err)
	}
	return descriptionFromPB(d), nil
}

// Configure implements [Mirror].
func (c *client) Configure(ctx context.Context, config []byte) error {
	r, err := c.rpc.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return callError(ctx, "configure", err)
	}
	return configErrorFromPB(r)
}

// Check implements [Mirror].
func (c *client) Check(
	ctx context.Context, revision uint64, r tap.Resource,
) (tap.Resource, error) {
	response, err := c.rpc.Check(ctx, checkRequestToPB(revision, r))
	if err != nil {
		return tap.Resource{}, callError(ctx, "check", err)
	}

	if rejection := response.GetRejection(); rejection != nil {
		return tap.Resource{}, rejectionFromPB(rejection)
	}

	checked, err := resourceFromPB(response)
	if err != nil {
		return tap.Resource{}, fmt.Errorf("check: answer: %w", err)
	}

	if checked == (tap.Resource{}) {
		return tap.Resource{}, errors.New("check: the answer holds no resource")
	}

	return checked, nil
}

// Run implements [Mirror]. It sends from a goroutine of its own, receives in the caller's, and
// returns after both are done.
func (c *client) Run(
	ctx context.Context, changes <-chan tap.Change, emit func(tap.Result) error,
) error {
	streamContext, cancel := context.WithCancel(ctx)
	stream, err := c.rpc.Run(streamContext)
	if err != nil {
		cancel()
		return callError(ctx, "run", err)
	}

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		sendChanges(stream, changes)
	}()
	defer func() {
		cancel()
		<-sent
	}()

	// The plugin sends a program as its difference to the one before, so both ends keep the last.
	programs := map[string]tap.Program{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return callError(ctx, "run", err)
		}

		result, err := resultFromPB(message, programs)
		if err != nil {
			return fmt.Errorf("run: result: %w", err)
		}

		if err := emit(result); err != nil {
			return err
		}
	}
}

// sendChanges sends changes until the channel is closed or the stream ends. It reports no error:
// the receiving side learns why the stream ended.
func sendChanges(
	stream grpc.BidiStreamingClient[pb.Change, pb.Result], changes <-chan tap.Change,
) {
	for {
		select {
		case <-stream.Context().Done():
			return
		case change, open := <-changes:
			if !open {
				_ = stream.CloseSend()
				return
			}

			message := changeToPB(&change)
			message.RemembersPrograms = true
			if stream.Send(message) != nil {
				return
			}
		}
	}
}
