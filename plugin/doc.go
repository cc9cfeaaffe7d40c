// Package plugin is the contract between an SDN controller and a mirror plugin: the interface [Mirror], the handshake, the
// gRPC glue, and [Launch] and [Supervise], with which a controller runs a plugin in a process of its own.
//
// A controller configures the plugin, hands it a snapshot of intent and topology and then every change, and gets back a
// program for each host, in the types of package tap. The plugin touches no switch; the controller applies the programs.
// When the plugin dies, the switches keep what they have; after a restart it gets a snapshot and computes the same again.
//
// Transport is hashicorp/go-plugin over gRPC with mutual TLS made for each process, no inherited environment, and, where
// given, the checksum of the binary. The wire form is mirrorpb/mirror.proto.
package plugin
