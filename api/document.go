package api

import _ "embed"

//go:embed openapi.yaml
var document string

// Document returns the OpenAPI 3.0.3 description of the REST interface, as YAML.
func Document() []byte { return []byte(document) }

// Prefix is the common part of the paths of resources and events.
const Prefix = "/api/v1"
