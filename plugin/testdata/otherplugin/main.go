// Command otherplugin is a plugin that the tests of package plugin must refuse.
package main

import (
	hplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/tapline-sdn/tapline/plugin"
)

// kind is set by the linker: "version" speaks another protocol version, "cookie" is a plugin of
// another program.
var kind string

func main() {
	handshake := plugin.Handshake
	switch kind {
	case "version":
		handshake.ProtocolVersion = plugin.ProtocolVersion + 1
	case "cookie":
		handshake.MagicCookieValue = "something else"
	}

	hplugin.Serve(&hplugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         hplugin.PluginSet{},
		GRPCServer:      func(o []grpc.ServerOption) *grpc.Server { return grpc.NewServer(o...) },
	})
}
