// Package mirrorpb is generated from mirror.proto, the wire form of the plugin contract. Only
// package plugin uses it; all others use the types of package tap.
package mirrorpb

//go:generate protoc --plugin=protoc-gen-go=../../bin/protoc-gen-go --plugin=protoc-gen-go-grpc=../../bin/protoc-gen-go-grpc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative mirror.proto
