package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// server is the plugin's side of the contract.
type server struct {
	pb.UnimplementedMirrorServer
	impl Mirror
}

// Register offers a Mirror on a gRPC server, for controllers that do not start processes.
func Register(s grpc.ServiceRegistrar, impl Mirror) {
	pb.RegisterMirrorServer(s, &server{impl: impl})
}

func (s *server) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.Description, error) {
	d, err := s.impl.Describe(ctx)
	if err != nil {
		return nil, err
	}
	return descriptionToPB(d), nil
}

func (s *server) Configure(
	ctx context.Context, r *pb.ConfigureRequest,
) (*pb.ConfigureResponse, error) {
	err := s.impl.Configure(ctx, r.GetConfig())

	var wrong *ConfigError
	if !errors.As(err, &wrong) {
		return &pb.ConfigureResponse{}, err
	}
	return configErrorToPB(wrong), nil
}

func (s *server) Check(ctx context.Context, r *pb.CheckRequest) (*pb.CheckResponse, error) {
	asked, err := resourceFromPB(r)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}

	checked, err := s.impl.Check(ctx, r.GetRevision(), asked)
	var rejection *tap.Rejection
	switch {
	case errors.As(err, &rejection):
		return &pb.CheckResponse{Rejection: rejectionToPB(rejection)}, nil
	case err != nil:
		return nil, err
	case checked == tap.Resource{}:
		return nil, status.Error(codes.Internal, "the check returned no resource")
	}

	return checkResponseToPB(checked), nil
}

// Run receives in a goroutine of its own. Results are sent from the stream's goroutine, in which
// the implementation runs.
func (s *server) Run(stream grpc.BidiStreamingServer[pb.Change, pb.Result]) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	run := &serverRun{stream: stream, changes: make(chan tap.Change)}

	// The end of the stream unblocks the receiver, so nobody waits for it.
	go func() {
		defer close(run.changes)
		if err := run.receive(ctx); err != nil {
			cancel(err)
		}
	}()

	err := s.impl.Run(ctx, run.changes, run.send)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}

	return err
}

// serverRun is one Run call on the plugin's side.
type serverRun struct {
	stream     grpc.BidiStreamingServer[pb.Change, pb.Result]
	changes    chan tap.Change
	programs   sentPrograms
	afterReset atomic.Bool // the next result answers a snapshot
}

// receive hands on changes until the controller has sent the last one, or ctx ends.
func (r *serverRun) receive(ctx context.Context) error {
	for {
		message, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		change, err := changeFromPB(message)
		if err != nil {
			return status.Errorf(codes.InvalidArgument, "change: %v", err)
		}

		if change.Reset {
			r.afterReset.Store(true)
		}

		r.programs.noteChange(&change, message.GetRemembersPrograms())

		select {
		case r.changes <- change:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *serverRun) send(result tap.Result) error {
	message, err := r.programs.encode(&result)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}

	err = r.stream.Send(message)
	if r.afterReset.Swap(false) {
		// Planning everything leaves more garbage behind than all later changes together.
		debug.FreeOSMemory()
	}

	return err
}
