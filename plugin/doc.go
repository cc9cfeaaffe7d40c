// Package plugin is the contract between an SDN controller and a mirror plugin.
//
// A controller configures the plugin, sends a snapshot of intent and topology and then every
// change, and receives one program for each host, in the types of package tap. The plugin touches
// no switch; the controller applies the programs. When the plugin dies, the switches keep what they
// have. After a restart the plugin gets a new snapshot and computes the same programs again.
//
// The package holds the interface [Mirror], its gRPC form ([NewClient], [Register], [Serve]), and
// [Launch] and [Supervisor], with which a controller runs a plugin in a process of its own. It does
// not plan anything: see package mirror.
//
// Transport is hashicorp/go-plugin over gRPC with mutual TLS made for each process, almost no
// inherited environment, and an optional checksum of the binary. The wire form is
// mirrorpb/mirror.proto. [Supervisor.Run] and each Run call own their goroutines and wait for them.
package plugin
