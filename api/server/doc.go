// Package server answers the REST interface of the controller, as the document of package api
// describes it.
//
// A request passes through these rooms:
//
//	server       routes, who may use them (access.go), the audit log (audit.go), answers
//	contract     checks the request against the OpenAPI document
//	convert      turns bodies into records, and views of the engine into JSON
//	listing      filters, orders and pages lists
//	idempotency  recognizes a creation that is repeated
//	problem      turns errors into problem details (RFC 9457)
//
// Whether a valid request makes sense is for the engine to decide. The package acts on no switch,
// and keeps no state but the creations that it remembers and the denials that it counts.
//
// Goroutines are those of the http.Server that [Serve] runs; Serve waits for them.
package server
