// Package api holds what travels over the REST interface of the controller: its document (OpenAPI 3.0.3, [Document]) and
// the Go form of its JSON objects, shared by package server and package client.
//
// The document is the source of truth. The types follow it field by field and decide nothing: addresses and enumerations
// are strings here, and only the server, which validates them against the document, gives them stronger types. Objects of
// answers carry every field, with "" and 0 for what is absent, since scripts rely on the names; of a request (Create,
// Patch) only what is given travels.
//
// The package knows neither HTTP nor the engine.
package api
