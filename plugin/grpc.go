package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	hplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// maxMessage bounds one gRPC message; a snapshot of 10,000 flows on 1,000 hosts has about 5 MiB.
const maxMessage = 256 << 20

// pluginName is the key of the one plugin of a process.
const pluginName = "mirror"

// glue makes a Mirror of a gRPC connection, and the other way round.
type glue struct {
	hplugin.NetRPCUnsupportedPlugin
	impl Mirror
}

func (g *glue) GRPCServer(_ *hplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterMirrorServer(s, &server{impl: g.impl})
	return nil
}

func (g *glue) GRPCClient(_ context.Context, _ *hplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}

// Serve makes the process a plugin: it returns when the controller is done with it.
func Serve(impl Mirror) {
	followLifeline()
	hplugin.Serve(&hplugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         hplugin.PluginSet{pluginName: &glue{impl: impl}},
		Logger:          hclog.New(&hclog.LoggerOptions{Name: "plugin", Level: hclog.Warn, Output: os.Stderr}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))...)
		},
	})
}

// lifelineKey names the environment variable that holds the number of the file descriptor at whose end of file the plugin ends.
const lifelineKey = "TAPLINE_PLUGIN_LIFELINE"

// followLifeline ends the process when its controller is gone, also if that was killed. Without a lifeline it does nothing.
func followLifeline() {
	fd, err := strconv.ParseUint(os.Getenv(lifelineKey), 10, 16)
	if err != nil {
		return
	}
	lifeline := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		_, _ = io.Copy(io.Discard, lifeline) // However it ends, the controller is gone.
		os.Exit(0)
	}()
}

// NewClient returns the Mirror at the other end of a gRPC connection.
func NewClient(conn grpc.ClientConnInterface) Mirror { return &client{pb.NewMirrorClient(conn)} }

// Register offers a Mirror on a gRPC server, for controllers that do not start processes.
func Register(s grpc.ServiceRegistrar, impl Mirror) { pb.RegisterMirrorServer(s, &server{impl: impl}) }

type client struct{ rpc pb.MirrorClient }

// failed tells a call that its caller ended, which is an error of package context as it is without gRPC, from one that the
// plugin failed. The plugin knows the deadline too and may be the first to notice it.
func failed(ctx context.Context, call string, err error) error {
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case status.Code(err) == codes.DeadlineExceeded:
		err = context.DeadlineExceeded
	}
	return fmt.Errorf("%s: %w", call, err)
}

func (c *client) Describe(ctx context.Context) (Description, error) {
	d, err := c.rpc.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return Description{}, failed(ctx, "describe", err)
	}
	return Description{Name: d.GetName(), Version: d.GetVersion(), ConfigSchema: d.GetConfigSchema()}, nil
}

func (c *client) Configure(ctx context.Context, config []byte) error {
	r, err := c.rpc.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return failed(ctx, "configure", err)
	}
	if len(r.GetErrors()) == 0 {
		return nil
	}
	wrong := &ConfigError{}
	for _, e := range r.GetErrors() {
		wrong.Fields = append(wrong.Fields, FieldError{Field: e.GetField(), Message: e.GetMessage()})
	}
	return wrong
}

func (c *client) Check(ctx context.Context, revision uint64, r tap.Resource) (tap.Resource, error) {
	request := &pb.CheckRequest{Revision: revision}
	switch {
	case r.Service != nil:
		request.Resource = &pb.CheckRequest_Service{Service: serviceToPB(r.Service)}
	case r.Flow != nil:
		request.Resource = &pb.CheckRequest_Flow{Flow: flowToPB(r.Flow)}
	}
	answer, err := c.rpc.Check(ctx, request)
	if err != nil {
		return tap.Resource{}, failed(ctx, "check", err)
	}
	if no := answer.GetRejection(); no != nil {
		return tap.Resource{}, &tap.Rejection{Conflict: no.GetConflict(), Field: no.GetField(), Message: no.GetMessage()}
	}
	var out tap.Resource
	switch {
	case answer.GetService() != nil:
		s, err := serviceFromPB(answer.GetService())
		if err != nil {
			return tap.Resource{}, fmt.Errorf("check: answer: %w", err)
		}
		out.Service = &s
	case answer.GetFlow() != nil:
		f, err := flowFromPB(answer.GetFlow())
		if err != nil {
			return tap.Resource{}, fmt.Errorf("check: answer: %w", err)
		}
		out.Flow = &f
	default:
		return tap.Resource{}, errors.New("check: the answer holds no resource")
	}
	return out, nil
}

// Run sends from one goroutine and receives in the caller's; it returns after both are done.
func (c *client) Run(ctx context.Context, changes <-chan tap.Change, tell func(tap.Result) error) error {
	running, cancel := context.WithCancel(ctx)
	stream, err := c.rpc.Run(running)
	if err != nil {
		cancel()
		return failed(ctx, "run", err)
	}
	sent := make(chan struct{})
	defer func() { cancel(); <-sent }()
	go func() {
		defer close(sent)
		for {
			select {
			case <-running.Done():
				return
			case change, open := <-changes:
				if !open {
					_ = stream.CloseSend() // The receiving side tells what became of the stream.
					return
				}
				message := changeToPB(&change)
				message.RemembersPrograms = true
				if stream.Send(message) != nil {
					return // As above.
				}
			}
		}
	}()
	told := map[string]tap.Program{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return failed(ctx, "run", err)
		}
		shared{}.result(message)
		result, err := resultFromPB(message, told)
		if err != nil {
			return fmt.Errorf("run: result: %w", err)
		}
		if err := tell(result); err != nil {
			return err
		}
	}
}

type server struct {
	pb.UnimplementedMirrorServer
	impl Mirror
}

func (s *server) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.Description, error) {
	d, err := s.impl.Describe(ctx)
	if err != nil {
		return nil, err
	}
	return &pb.Description{Name: d.Name, Version: d.Version, ConfigSchema: d.ConfigSchema}, nil
}

func (s *server) Configure(ctx context.Context, r *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	err := s.impl.Configure(ctx, r.GetConfig())
	var wrong *ConfigError
	if !errors.As(err, &wrong) {
		return &pb.ConfigureResponse{}, err
	}
	out := &pb.ConfigureResponse{}
	for _, f := range wrong.Fields {
		out.Errors = append(out.Errors, &pb.FieldError{Field: f.Field, Message: f.Message})
	}
	return out, nil
}

func (s *server) Check(ctx context.Context, r *pb.CheckRequest) (*pb.CheckResponse, error) {
	var in tap.Resource
	switch {
	case r.GetService() != nil:
		service, err := serviceFromPB(r.GetService())
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		in.Service = &service
	case r.GetFlow() != nil:
		flow, err := flowFromPB(r.GetFlow())
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		in.Flow = &flow
	}
	out, err := s.impl.Check(ctx, r.GetRevision(), in)
	var no *tap.Rejection
	switch {
	case errors.As(err, &no):
		return &pb.CheckResponse{Rejection: &pb.Rejection{Conflict: no.Conflict, Field: no.Field, Message: no.Message}}, nil
	case err != nil:
		return nil, err
	case out.Service != nil:
		return &pb.CheckResponse{Resource: &pb.CheckResponse_Service{Service: serviceToPB(out.Service)}}, nil
	case out.Flow != nil:
		return &pb.CheckResponse{Resource: &pb.CheckResponse_Flow{Flow: flowToPB(out.Flow)}}, nil
	}
	return nil, status.Error(codes.Internal, "the check answered nothing")
}

// Run receives in a goroutine of its own and lets the implementation tell in the stream's.
func (s *server) Run(stream grpc.BidiStreamingServer[pb.Change, pb.Result]) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	changes := make(chan tap.Change)
	var reset atomic.Bool // what comes next is the answer to a snapshot
	var told told
	go func() {
		defer close(changes)
		for {
			message, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				cancel(err)
				return
			}
			shared{}.change(message)
			change, err := changeFromPB(message)
			if err != nil {
				cancel(status.Errorf(codes.InvalidArgument, "change: %v", err))
				return
			}
			if change.Reset {
				reset.Store(true)
			}
			told.heard(&change, message.GetRemembersPrograms())
			select {
			case changes <- change:
			case <-ctx.Done():
				return
			}
		}
	}()
	err := s.impl.Run(ctx, changes, func(r tap.Result) error {
		message, err := told.tell(&r)
		if err != nil {
			return fmt.Errorf("result: %w", err)
		}
		err = stream.Send(message)
		if reset.Swap(false) {
			debug.FreeOSMemory() // Planning everything leaves more behind than all changes after it.
		}
		return err
	})
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return err // The stream's end unblocks the receiver, which then returns.
}
