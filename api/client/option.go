package client

import (
	"net/url"
	"strconv"
	"time"
)

type options struct {
	query   url.Values
	wait    time.Duration
	ifMatch string
	known   string // If-None-Match
	key     string // Idempotency-Key
	after   string
	broken  func(error)
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

// Option changes a request.
type Option func(*options)

// Wait has a write answer once the resource has left pending, or after d (at most 5 minutes) as it is then.
func Wait(d time.Duration) Option {
	return func(o *options) {
		if d != 0 {
			o.wait = max(d, 0)
			o.set("wait", d.String())
		}
	}
}

// IfMatch makes a write fail with status 412 if the resource no longer has this ETag. "" checks nothing.
func IfMatch(etag string) Option { return func(o *options) { o.ifMatch = etag } }

// IfNoneMatch makes a read fail with [ErrNotModified] if the answer would still have this ETag. "" checks nothing.
func IfNoneMatch(etag string) Option { return func(o *options) { o.known = etag } }

// Key gives a creation its Idempotency-Key, so that it can be repeated by somebody else. Without it, a new one is made.
func Key(key string) Option { return func(o *options) { o.key = key } }

// Where lists only objects whose field (as in the JSON object) has a value; fields that hold an id take a name as well.
func Where(field, value string) Option { return func(o *options) { o.set(field, value) } }

// Snapshot begins a watch with an event of type [api.Current] for each object that exists, and then one of type [api.Synced].
func Snapshot() Option { return func(o *options) { o.set("snapshot", "true") } }

// After begins a watch after the event of an id, if the server still knows it, and else with [api.Reset]. "" is now.
func After(id string) Option { return func(o *options) { o.after = id } }

// Broken is told, by the goroutine that reads events, each time that the stream of a watch breaks off or cannot be opened again.
func Broken(f func(error)) Option { return func(o *options) { o.broken = f } }

// OrderBy lists in the order of a field.
func OrderBy(field string, descending bool) Option {
	return func(o *options) {
		o.set("order_by", field)
		if descending {
			o.set("order", "desc")
		}
	}
}

// Page lists at most limit objects (0: all) after the first offset ones.
func Page(limit, offset int) Option {
	return func(o *options) {
		o.set("limit", strconv.Itoa(limit))
		o.set("offset", strconv.Itoa(offset))
	}
}
