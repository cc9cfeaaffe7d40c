package planning

import "github.com/tapline-sdn/tapline/plugin/tap"

// ahead is a tap flow of which the plugin learns while it is still being written to the disk, so
// that it is planned, and the switches are programmed, meanwhile. The answer to the user waits for
// the disk. A failed write is withdrawn. What a controller that dies leaves on the switches is not
// in its store, and is therefore taken off when it returns.
type ahead struct {
	flow     *tap.Flow   // as it will be; nil if it will be deleted
	revision uint64      // of the mark that tells it
	status   *tap.Status // what the plugin has answered; nil: nothing yet
}

// Announce has the plugin told of a flow as it will be once it is stored, or with nil that it will
// be deleted. It stays so until [Queue.Settle].
func (q *Queue) Announce(id string, flow *tap.Flow) {
	q.MarkFlow(id)
	q.ahead[id] = &ahead{flow: flow, revision: q.last}
}

// Settle ends the announcement of a flow, which was stored or was not. It returns what the plugin
// has said of it meanwhile, nil if nothing, and whether the plugin has answered the announcement.
func (q *Queue) Settle(id string) (status *tap.Status, answered bool) {
	a := q.ahead[id]
	if a == nil {
		return nil, false
	}
	delete(q.ahead, id)
	return a.status, a.revision <= q.answered
}

// Defer keeps a status of an announced flow until it is settled. It is false if the status is about
// anything else.
func (q *Queue) Defer(s tap.Status) bool {
	if s.Kind != tap.KindFlow {
		return false
	}
	a := q.ahead[s.ID]
	if a == nil {
		return false
	}
	a.status = &s
	return true
}
