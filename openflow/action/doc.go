// Package action encodes and decodes actions and instructions: those of OpenFlow 1.3.5 (7.2.4 and
// 7.2.5) and the Nicira actions of ovs-actions(7) that a controller needs.
//
// [Action] and [Instruction] are sealed: their variants are the types of this package, and what is
// not known is a [RawAction] or [RawInstruction], which is written back unchanged. String methods
// write the syntax of ovs-ofctl(8).
//
// It is a pure codec without state. Package openflow uses it for flow-mods, groups and packet-outs.
package action
