// Package forecast says what a change would do: it compares how everything stands before and after
// the change. It is pure.
package forecast
