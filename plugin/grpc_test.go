package plugin_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/plugintest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// serve runs a gRPC server in the process and connects to it; both end with the test.
func serve(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///in-process",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn,
			error) {
			return listener.DialContext(ctx)
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, conn.Close())
		server.Stop()
		assert.NoError(t, <-served)
	})

	return conn
}

func TestConformanceDirect(t *testing.T) {
	plugintest.Conformance(t, func(*testing.T) plugin.Mirror { return mirror.New() })
}

func TestConformanceInProcess(t *testing.T) {
	plugintest.Conformance(t, func(t *testing.T) plugin.Mirror {
		return plugin.NewClient(serve(t, func(s *grpc.Server) { plugin.Register(s, mirror.New()) }))
	})
}

// TestServerRefusesMalformed: a controller that sends nonsense is told what is wrong with it.
func TestServerRefusesMalformed(t *testing.T) {
	raw := pb.NewMirrorClient(serve(t, func(s *grpc.Server) { plugin.Register(s, mirror.New()) }))
	for name, test := range map[string]struct {
		call func() error
		want string
	}{
		"service": {func() error {
			_, err := raw.Check(t.Context(),
				&pb.CheckRequest{Resource: &pb.CheckRequest_Service{
					Service: &pb.Service{Mac: []byte{1}}}})
			return err
		}, "mac: 1 octets: want 6"},
		"flow": {func() error {
			_, err := raw.Check(t.Context(),
				&pb.CheckRequest{Resource: &pb.CheckRequest_Flow{Flow: &pb.Flow{Vlan: 1 << 20}}})
			return err
		}, "vlan: 1048576 does not fit 16 bits"},
		"change": {func() error {
			stream, err := raw.Run(t.Context())
			require.NoError(t, err)
			require.NoError(t, stream.Send(&pb.Change{Hosts: []*pb.Host{{TunnelIp: []byte{1}}}}))
			_, err = stream.Recv()
			return err
		}, "change: hosts[0]: tunnel_ip: 1 octets: want 4 or 16"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.call()
			assert.Equal(t, codes.InvalidArgument, status.Code(err))
			assert.Equal(t, test.want, status.Convert(err).Message())
		})
	}
}

// liar is a plugin whose answers are nonsense.
type liar struct {
	pb.UnimplementedMirrorServer
	check  *pb.CheckResponse
	result *pb.Result
}

func (l *liar) Check(context.Context, *pb.CheckRequest) (*pb.CheckResponse, error) {
	return l.check, nil
}

func (l *liar) Run(stream grpc.BidiStreamingServer[pb.Change, pb.Result]) error {
	if err := stream.Send(l.result); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// TestClientRefusesMalformed: an answer that makes no sense is an error and never a value.
func TestClientRefusesMalformed(t *testing.T) {
	checks := map[string]struct {
		answer *pb.CheckResponse
		want   string
	}{
		"nothing": {&pb.CheckResponse{}, "check: the answer holds no resource"},
		"service": {&pb.CheckResponse{Resource: &pb.CheckResponse_Service{
			Service: &pb.Service{Mac: []byte{1}}}},
			"check: answer: mac: 1 octets: want 6"},
		"flow": {&pb.CheckResponse{Resource: &pb.CheckResponse_Flow{Flow: &pb.Flow{Ip: []byte{1}}}},
			"check: answer: ip: 1 octets: want 4 or 16"},
	}

	for name, test := range checks {
		t.Run(name, func(t *testing.T) {
			m := plugin.NewClient(serve(t, func(s *grpc.Server) {
				pb.RegisterMirrorServer(s, &liar{check: test.answer})
			}))
			got, err := m.Check(t.Context(), 0, tap.Resource{})
			assert.EqualError(t, err, test.want)
			assert.Equal(t, tap.Resource{}, got)
		})
	}

	t.Run("result", func(t *testing.T) {
		m := plugin.NewClient(serve(t, func(s *grpc.Server) {
			pb.RegisterMirrorServer(s,
				&liar{result: &pb.Result{Programs: []*pb.Program{{Flows: []*pb.FlowEntry{{}}}}}})
		}))
		err := m.Run(t.Context(), make(chan tap.Change), func(tap.Result) error {
			t.Error("the result was told")
			return nil
		})
		assert.ErrorContains(t, err, "run: result: programs[0]: flows[0]: flow_mod: ")
	})
}

// TestChangeThatCannotBeSent: protobuf takes UTF-8 only (proto3, "Scalar Value Types"); Run must
// end and say so.
func TestChangeThatCannotBeSent(t *testing.T) {
	m := plugin.NewClient(serve(t, func(s *grpc.Server) { plugin.Register(s, mirror.New()) }))
	changes := make(chan tap.Change, 1)
	changes <- tap.Change{Revision: 1, Reset: true, Hosts: []tap.Host{{ID: "h1", Name: "\xff"}}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := m.Run(ctx, changes, func(tap.Result) error { return nil })
	assert.ErrorContains(t, err, "UTF-8")
}

// TestRunWhoseServerIsGone tells the death of the plugin from an end that the caller asked for.
func TestRunWhoseServerIsGone(t *testing.T) {
	stopped := make(chan *grpc.Server, 1)
	m := plugin.NewClient(serve(t, func(s *grpc.Server) {
		plugin.Register(s, mirror.New())
		stopped <- s
	}))

	changes := make(chan tap.Change, 1)
	changes <- tap.Change{Revision: 1, Reset: true}
	server := <-stopped
	err := m.Run(t.Context(), changes, func(tap.Result) error {
		go server.Stop()
		return nil
	})

	require.Error(t, err)
	assert.NotErrorIs(t, err, context.Canceled)
	assert.Equal(t, codes.Unavailable, status.Code(err))
}
