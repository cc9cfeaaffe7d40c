package plugin

import (
	"context"
	"io"
	"os"
	"strconv"

	"github.com/hashicorp/go-hclog"
	hplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// maxMessage bounds one gRPC message in octets. A snapshot of 10,000 tap flows on 1,000 hosts has
// about 5 MiB.
const maxMessage = 256 << 20

// pluginName is the key of the only plugin in a process.
const pluginName = "mirror"

// grpcPlugin connects a Mirror to go-plugin: it registers the server on the plugin's side and makes
// the client on the controller's side.
type grpcPlugin struct {
	hplugin.NetRPCUnsupportedPlugin
	impl Mirror // nil on the controller's side
}

func (g *grpcPlugin) GRPCServer(_ *hplugin.GRPCBroker, s *grpc.Server) error {
	Register(s, g.impl)
	return nil
}

func (g *grpcPlugin) GRPCClient(
	_ context.Context, _ *hplugin.GRPCBroker, conn *grpc.ClientConn,
) (any, error) {
	return NewClient(conn), nil
}

// Serve makes this process a plugin. It returns when the controller is done with it.
func Serve(impl Mirror) {
	exitWithController()

	hplugin.Serve(&hplugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         hplugin.PluginSet{pluginName: &grpcPlugin{impl: impl}},
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "plugin", Level: hclog.Warn, Output: os.Stderr,
		}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			options = append(options,
				grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
			return grpc.NewServer(options...)
		},
	})
}

// lifelineKey names the environment variable with the number of the lifeline's file descriptor. The
// plugin ends at the end of that file.
const lifelineKey = "TAPLINE_PLUGIN_LIFELINE"

// exitWithController ends the process when its controller is gone, even if the controller was
// killed. Without a lifeline it does nothing.
func exitWithController() {
	fd, err := strconv.ParseUint(os.Getenv(lifelineKey), 10, 16)
	if err != nil {
		return
	}

	lifeline := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		// The controller never writes, so any return means that it is gone.
		_, _ = io.Copy(io.Discard, lifeline)
		os.Exit(0)
	}()
}
