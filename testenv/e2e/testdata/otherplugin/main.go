// Command otherplugin is a plugin that speaks another version of the contract than the controller.
package main

import (
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/tapline-sdn/tapline/plugin"
)

func main() {
	handshake := plugin.Handshake
	handshake.ProtocolVersion += 41
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         goplugin.PluginSet{},
		GRPCServer:      goplugin.DefaultGRPCServer,
	})
}
