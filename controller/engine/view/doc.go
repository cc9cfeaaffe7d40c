// Package view holds what users of the engine see: resources with their state, and the errors of
// refused requests.
//
// It holds data only. Views are copies made under the engine's lock; a record that a view points to
// is shared, and must not be changed.
package view
