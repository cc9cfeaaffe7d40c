package change

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// NewFlow returns the record of a tap flow that is being created, with an id. What it names is to
// be resolved.
func NewFlow(f store.Flow) store.Flow {
	f.ID, f.Meta = uuid.NewString(), store.Meta{Request: f.Request, AppliedBy: f.AppliedBy}
	if f.Direction == "" {
		f.Direction = tap.Both
	}
	return f
}

// ChangedFlow checks what of a tap flow stays when its record is changed, and reports whether more
// than its name, its notes, or when it runs is another.
func ChangedFlow(f, before *store.Flow) (otherwise bool, err error) {
	if f.ID != before.ID || f.Type != before.Type {
		return false, view.Errorf(view.Invalid, "",
			"id and type of a tap flow cannot be changed; create another one instead")
	}
	same := before.Flow
	same.Name, same.Enabled = f.Name, f.Enabled
	return f.Flow != same, nil
}

// CheckWindow refuses a window in which a tap flow cannot run: one without an inside, and for a
// flow that is to run, one that has passed. Before is nil for a flow that is being created.
func (c *Checker) CheckWindow(f, before *store.Flow) error {
	if !f.StartsAt.IsZero() && !f.ExpiresAt.IsZero() && !f.StartsAt.Before(f.ExpiresAt) {
		return view.Errorf(view.Invalid, "expires_at", "%s is not after starts_at, which is %s",
			timeText(f.ExpiresAt), timeText(f.StartsAt))
	}

	switch {
	case !f.Enabled || c.intent.Phase(f) != store.Expired:
		return nil
	case before == nil || !f.EqualWindow(before.Window):
		return view.Errorf(view.Invalid, "expires_at", "%s has passed: want a later time",
			timeText(f.ExpiresAt))
	case !before.Enabled:
		return &view.Error{Kind: view.Conflict, Field: "expires_at", Code: view.CodeExpired,
			Message: fmt.Sprintf("tap flow %s expired at %s: enable it with a later expires_at, "+
				"or with null for none", f.Name, timeText(f.ExpiresAt))}
	}
	return nil // It is about to be disabled.
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Resolve replaces names in a flow by ids. A name that does not exist is an error.
func (c *Checker) Resolve(f *tap.Flow) error {
	s := c.intent.Services.Find(f.TapID)
	if s == nil {
		return view.Errorf(view.Invalid, "tap_id", "there is no tap service %q", f.TapID)
	}
	f.TapID = s.ID
	if err := checkSelector(f); err != nil {
		return err
	}
	return c.ResolveSource(f)
}

// checkSelector refuses a selector that cannot be read, and one of a tap flow of another type.
func checkSelector(f *tap.Flow) error {
	switch {
	case f.Type != tap.FlowSelector && f.Selector != "":
		return view.Errorf(view.Invalid, "selector", "leave it out: selector belongs to flows of "+
			"type selector, and this one is of type %s", f.Type)
	case f.Type != tap.FlowSelector:
		return nil
	case f.Selector == "":
		return view.Errorf(view.Invalid, "selector", "a flow of type selector needs one, such as "+
			"name=web-*,label.app=db; name=* matches every guest")
	}

	_, err := selector.Parse(f.Selector)
	if wrong := (*selector.Error)(nil); errors.As(err, &wrong) {
		return &view.Error{Kind: view.Invalid, Field: "selector", Message: wrong.Error(),
			Err: &tap.Rejection{Field: "selector", Message: wrong.Message, Offset: wrong.Offset,
				Length: wrong.Length, Hint: wrong.Hint}}
	}
	return nil
}

// ResolveSource replaces the names of a flow's source by ids. A name that does not exist is an
// error.
func (c *Checker) ResolveSource(f *tap.Flow) error {
	stored := "" // an id, whatever else is called so by now
	if before := c.intent.Flows.ByID[f.ID]; before != nil {
		stored = before.GuestID
	}
	if f.GuestID != "" && f.GuestID != stored {
		var err error
		if f.GuestID, err = c.GuestRef("guest_id", f.GuestID, view.Invalid); err != nil {
			return err
		}
	}

	if f.HostID != "" {
		var known bool
		if f.HostID, known = c.HostID(f.HostID); !known {
			return view.Errorf(view.Invalid, "host_id", "there is no host %q", f.HostID)
		}
	}

	return nil
}
