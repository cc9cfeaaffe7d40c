// Package server answers the REST interface of the controller, as the document of package api describes it.
//
// It validates syntax (JSON, names of fields and parameters, types, ranges, enumerations) against that document, turns
// requests into calls of an [Engine], and views of the engine into JSON. What is semantically possible is the engine's to
// say; its errors become problem details (RFC 9457). The package acts on no switch and keeps no state of its own.
//
// Goroutines are those of the http.Server that [Serve] runs, and Serve waits for them.
package server
