// Package contract checks requests against the OpenAPI document of package api.
//
// It validates syntax: JSON, names of fields and parameters, types, ranges, enumerations, formats
// and the headers that the document lists. Its errors are refusals (package problem) that name each
// field at fault. Whether a valid request makes sense is for the engine to decide.
//
// A [Contract] does not change once it is loaded. A [Request] owns its bytes.
package contract
