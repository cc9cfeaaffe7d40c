package mirror

import (
	"fmt"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// check validates a resource against the world and fills in derived fields, such as the address of
// a guest's only NIC. Every error is a [tap.Rejection].
func (w *world) check(r tap.Resource) (tap.Resource, error) {
	var err *tap.Rejection
	switch {
	case r.Service != nil:
		s := *r.Service
		if err = w.checkService(&s); err == nil {
			return tap.Resource{Service: &s}, nil
		}
	case r.Flow != nil:
		f := *r.Flow
		if err = w.checkFlow(&f); err == nil {
			return tap.Resource{Flow: &f}, nil
		}
	default:
		err = invalid("", "neither a service nor a flow was given")
	}

	return tap.Resource{}, err
}

// invalid refuses a bad value of a field.
func invalid(field, format string, args ...any) *tap.Rejection {
	return &tap.Rejection{Field: field, Message: fmt.Sprintf(format, args...)}
}

// conflict refuses a value that clashes with something that exists.
func conflict(field, format string, args ...any) *tap.Rejection {
	return &tap.Rejection{Conflict: true, Field: field, Message: fmt.Sprintf(format, args...)}
}
