// Package api has what the REST interface of the controller exchanges: its document (OpenAPI 3.0.3,
// [Document]), and the JSON objects as Go types, which server and client share.
//
// The document is the source of truth, and the types follow it field by field. Addresses and
// enumerations are strings here: the server validates them against the document, and converts them
// to stronger types. Objects of answers have every field, with "" and 0 for what is absent, since
// scripts rely on the names. Objects of requests (Create, Patch) only have the fields that are
// given.
//
// The package knows neither HTTP nor the engine. It has no goroutines and no state.
package api
