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

// Where lists only objects whose field (as in the JSON object) has a value; fields that hold an id take a name as well.
func Where(field, value string) Option { return func(o *options) { o.set(field, value) } }

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
