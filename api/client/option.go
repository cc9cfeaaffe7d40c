package client

import (
	"net/url"
	"strconv"
	"time"
)

// Option changes a request.
type Option func(*options)

type options struct {
	query          url.Values
	wait           time.Duration // added to the timeout
	ifMatch        string
	ifNoneMatch    string
	idempotencyKey string
	after          string      // event to resume after
	broken         func(error) // see Broken
}

func collect(opts []Option) options {
	var o options
	for _, opt := range opts {
		opt(&o)
	}

	return o
}

func (o *options) set(name, value string) {
	if o.query == nil {
		o.query = url.Values{}
	}
	o.query.Set(name, value)
}

// Wait lets a write answer once the resource has left pending, or after d, whichever is first. The
// longest d is 5 minutes.
func Wait(d time.Duration) Option {
	return func(o *options) {
		if d != 0 {
			o.wait = max(d, 0)
			o.set("wait", d.String())
		}
	}
}

// IfMatch makes a write fail with status 412 if the ETag of the resource is another by now. ""
// checks nothing.
func IfMatch(etag string) Option { return func(o *options) { o.ifMatch = etag } }

// IfNoneMatch makes a read fail with [ErrNotModified] if the answer still has this ETag. "" checks
// nothing.
func IfNoneMatch(etag string) Option { return func(o *options) { o.ifNoneMatch = etag } }

// Key sets the Idempotency-Key of a creation, so that another client can repeat it. Without it,
// each creation has a new key.
func Key(key string) Option { return func(o *options) { o.idempotencyKey = key } }

// Where lists only objects with a value in a field of their JSON form. Fields that hold an id
// accept a name too.
func Where(field, value string) Option { return func(o *options) { o.set(field, value) } }

// OrderBy orders a list by a field.
func OrderBy(field string, descending bool) Option {
	return func(o *options) {
		o.set("order_by", field)
		if descending {
			o.set("order", "desc")
		}
	}
}

// Page skips the first offset objects of a list, and returns limit objects at most; 0 is no limit.
func Page(limit, offset int) Option {
	return func(o *options) {
		o.set("limit", strconv.Itoa(limit))
		o.set("offset", strconv.Itoa(offset))
	}
}

// Snapshot begins a watch with an event of type [api.Current] for each object that exists, followed
// by one of type [api.Synced].
func Snapshot() Option { return func(o *options) { o.set("snapshot", "true") } }

// After begins a watch after the event with an id. If the server does not remember that event any
// more, the watch begins with [api.Reset]. "" is now.
func After(id string) Option { return func(o *options) { o.after = id } }

// Broken sets a function that is called each time that the stream of a watch breaks off or cannot
// be opened again. The goroutine that reads the events calls it.
func Broken(f func(error)) Option { return func(o *options) { o.broken = f } }
