// Package tap is the vocabulary that a controller and the mirror plugin share.
//
// Intent is what users asked for: [Service] (the mirror destination) and [Flow] (its source).
// Observation is what was seen on the switches: [Host], [Guest] and [Attachment]. A [Program] is
// the whole desired state of one host, computed from both. A [Status] says how far a service or
// flow has come.
//
// The package holds data and its text forms only. It knows neither OVSDB nor gRPC, decides nothing
// and does no I/O.
package tap
