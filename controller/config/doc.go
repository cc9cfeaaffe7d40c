// Package config reads the controller's configuration file.
//
// The file is one YAML document. It is read strictly: unknown keys, values of the wrong type and
// invalid values are errors. Each error has its line and column and says what would be valid, and
// all errors of a file are reported together ([Errors]). A key that is left out, or has no value,
// keeps its default ([Default]). Anchors, aliases, tags and merge keys are refused, so that every
// value stands where it takes effect.
//
// The package does not use the values and opens no sockets. The configuration of a plugin is
// checked by the plugin: it is passed on as JSON, and [Config.Error] adds the place in the file to
// the plugin's error.
package config
