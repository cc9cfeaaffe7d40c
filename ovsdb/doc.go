// Package ovsdb is the notation of the Open vSwitch Database Management
// Protocol: values, conditions, operations and their results, schemas, monitor
// requests and table updates, as RFC 7047 defines them and as ovsdb-server(7)
// extended them (update2, update3, the uuid of an insert).
//
// The package is pure: bytes in, values out, no connection, no clock, no log.
// A connection is in package client; the tables of Open vSwitch as Go types
// are in package vswitch.
//
// # Values
//
// A column holds a [Value]: one [Atom], a [Set] of atoms or a [Map] from atom
// to atom. Atoms are ordinary Go types ([Integer], [Real], [Boolean],
// [String], [UUID], and [NamedUUID] in requests), so a row can be written down
// as it is:
//
//	ovsdb.Insert{Table: "Bridge", Row: ovsdb.Row{
//		"name":         ovsdb.String("br0"),
//		"protocols":    ovsdb.NewSet(ovsdb.String("OpenFlow13")),
//		"external_ids": ovsdb.StringMap(map[string]string{"owner": "me"}),
//	}}
//
// Sets and maps are sorted and without duplicates wherever this package makes
// them; a set that a column's type allows to be written as a bare atom is still
// a Set once it was parsed with that type.
//
// # Parsing
//
// Every Parse function takes the text of one JSON value from a peer that is
// not trusted. It returns the value, or the zero value and an error that says
// where and what. It allocates in proportion to the text and nests at most 64
// levels. Returned values share no memory with the text. Unknown members are
// ignored, as RFC 7047 (3.1) wants; unknown tables and columns in an update
// are errors, because nobody asked for them.
package ovsdb
