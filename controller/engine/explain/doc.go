// Package explain answers why packets of a tap flow arrive at their collector, or why not.
package explain
