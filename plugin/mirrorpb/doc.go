// Package mirrorpb is generated from mirror.proto, the wire form of the plugin contract. Only
// package plugin uses it; all others use the types of package tap.
package mirrorpb

//go:generate -command protoc env PATH=../../bin:$PATH protoc
//go:generate protoc --go_out=. --go_opt=paths=source_relative mirror.proto
//go:generate protoc --go-grpc_out=. --go-grpc_opt=paths=source_relative mirror.proto
