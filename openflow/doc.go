// Package openflow encodes and decodes OpenFlow 1.3.5 messages, with the Nicira and ONF extensions
// that Open vSwitch speaks.
//
// It is a pure codec: it opens no connection, starts no goroutine, logs nothing and keeps no state.
// Its parts are packages of their own: oxm has packet fields and matches, action has actions and
// instructions, wire has the primitives. Package ofconn carries messages over a connection, package
// flowtable compares and changes flow tables.
//
// [AppendMessage] writes one message, [Parse] reads one. Lengths, padding and nested transaction
// ids are computed, never set by callers. Parse copies what it keeps: a message does not alias the
// bytes that it was read from, and belongs to the caller. AppendMessage reads a message and keeps
// nothing of it.
//
// What the package does not know (an OXM class, an action, an experimenter) is kept raw and is
// written back unchanged. What is malformed is an error of type *wire.ParseError, which names the
// message, the offset and the field.
//
// Messages are pointers to structs; actions, instructions, match fields and multipart bodies are
// values. All of them are sealed sums: the set of variants is complete.
//
// Sections are cited from "OpenFlow Switch Specification 1.3.5" (ONF TS-023). Field names and
// semantics follow ovs-fields(7), actions ovs-actions(7). Bundles follow ONF EXT-230, the flow
// monitor ONF EXT-187.
package openflow
