// Package config reads the controller's configuration file.
//
// The file is one YAML document. It is read strictly: a key that is not known, a value of the wrong type and a value
// that cannot be right are errors, each with its line and column and with what would be right, and all errors of a file
// are told together ([Errors]). A key that is left out, or has no value, keeps its default ([Default]). Anchors, aliases,
// tags and merge keys are refused: every value stands where it counts.
//
// The package decides nothing about how the values are used, and opens no sockets. What a plugin's own configuration
// means is the plugin's business: it is handed on as JSON, and [Config.Error] puts the plugin's complaint at its place
// in the file.
package config
