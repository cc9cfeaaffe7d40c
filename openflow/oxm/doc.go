// Package oxm describes packet fields and matches: the OXM and NXM encodings (OpenFlow 1.3.5,
// 7.2.3) of the fields of ovs-fields(7), their prerequisites, their canonical form and their text.
//
// A [Match] is a list of [Field] values. [Match.Normalize] makes matches comparable,
// [Match.Validate] says what a switch would refuse. Fields that the package does not know are kept
// raw.
//
// It is a pure codec without state. Package openflow uses it for messages, package action for
// set_field and the actions on parts of fields ([Subfield]). Sections are those of "OpenFlow Switch
// Specification 1.3.5".
package oxm
