// Package convert translates between the JSON types of package api and the types of the controller:
// views of the engine to JSON, and the bodies of requests to records of the store.
//
// The schema of the OpenAPI document has accepted the bodies before. Maps and slices of answers are
// never null, since clients iterate over them. The package is pure.
package convert
