// Package events keeps the last changes of resources for those who watch them, and wakes those who
// wait for one object.
//
// There is one bounded [History]. A [Watch] has no queue of its own: it walks through the history
// at its own pace, so memory stays bounded however many watch and however slow they are. A watch
// that falls behind gets [ErrLost].
package events
