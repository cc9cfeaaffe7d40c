// Package planning keeps what the plugin has not been told yet, and turns it into changes.
//
// Whoever changes something marks it here. State coalesces: however much happens while the plugin
// is busy, the next change tells the latest of each thing once. Every mark counts as a revision; a
// change carries that of the last mark, and the plugin answers with it, so it is known what a
// status is an answer to.
//
// A [Queue] has no lock: it is guarded by the engine's mutex. A [Pulse] belongs to the goroutine
// that feeds the plugin.
package planning
