// Package jsontext reads and writes JSON text (RFC 8259) without reflection.
//
// A [Cursor] walks one complete JSON value held in memory. It checks bounds
// and nesting, keeps the first error and after that answers zero values, so a
// parser reads straight down and looks at [Cursor.Err] once. A [Framer] cuts
// a byte stream into JSON objects and refuses one that is too large before it
// is buffered.
//
// It is not a general JSON package: it knows nothing of Go types.
//
// A Cursor only reads the bytes it was given. What it returns as []byte may
// alias them; strings are always copies.
package jsontext
