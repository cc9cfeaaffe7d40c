// Package ovsdb has the data types of the Open vSwitch Database Management Protocol and their JSON
// notation: values, conditions, operations and their results, schemas, monitor
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
// Sets and maps that this package makes are sorted and without duplicates. RFC 7047 allows a set of
// one element to be written as a bare atom; parsed with its column's type it is a Set all the same.
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
