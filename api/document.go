package api

import _ "embed"

//go:embed openapi.yaml
var document string

// Document is the OpenAPI 3.0.3 description of the REST interface, as YAML.
func Document() []byte { return []byte(document) }

// Prefix is the path under which resources and events are.
const Prefix = "/api/v1"
