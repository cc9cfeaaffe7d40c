package flowtable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// ErrOutcomeUnknown says that a bundle was sent, and then a timeout or the end of the connection
// came before the reply. Either all of the bundle took effect or nothing.
var ErrOutcomeUnknown = errors.New("outcome of the bundle is unknown")

// ErrUnsupported says that the switch does not know what was asked of it.
var ErrUnsupported = errors.New("not supported by the switch")

// A ModError says which message of a bundle the switch refused, and why.
// Nothing of the bundle took effect.
type ModError struct {
	Index int // In the messages given to Apply.
	Mod   openflow.Message
	Err   error // A *ofconn.RequestError.
}

// Error implements error.
func (e *ModError) Error() string {
	return fmt.Sprintf("message %d (%s): %v", e.Index, modText(e.Mod), e.Err)
}

// modText names what a message changes.
func modText(m openflow.Message) string {
	switch m := m.(type) {
	case *openflow.FlowMod:
		return fmt.Sprintf("flow-mod %v %v", m.Command, m)
	case *openflow.GroupMod:
		return fmt.Sprintf("group-mod of group %d", m.ID)
	case *openflow.MeterMod:
		return fmt.Sprintf("meter-mod of meter %d", m.ID)
	}
	return m.Type().String()
}

// Unwrap returns the cause.
func (e *ModError) Unwrap() error { return e.Err }

// ModErrors is all the messages of a bundle that the switch refused, in the
// order of its answers. errors.As finds each of them.
type ModErrors []*ModError

// shownErrors is how many of them the text has.
const shownErrors = 3

// Error implements error.
func (e ModErrors) Error() string {
	parts := make([]string, 0, shownErrors+1)
	for i, m := range e {
		if i == shownErrors {
			parts = append(parts, fmt.Sprintf("and %d more", len(e)-i))
			break
		}
		parts = append(parts, m.Error())
	}

	return strings.Join(parts, "; ")
}

// Unwrap returns all of them.
func (e ModErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, m := range e {
		errs[i] = m
	}
	return errs
}

// Dump reads all flows of all tables, with their counters.
func Dump(ctx context.Context, conn *ofconn.Conn) ([]openflow.FlowStats, error) {
	return DumpSelected(ctx, conn, openflow.FlowStatsRequest{Table: openflow.TableAll})
}

// DumpSelected reads the flows that the request selects.
func DumpSelected(
	ctx context.Context, conn *ofconn.Conn, req openflow.FlowStatsRequest,
) ([]openflow.FlowStats, error) {
	flows, err := ofconn.List[openflow.FlowStatsReply](ctx, conn, req)
	if err != nil {
		return nil, fmt.Errorf("dump flows: %w", err)
	}
	return flows, nil
}

// bundleFlags: all at one instant, and in the order of the mods.
const bundleFlags = openflow.BundleAtomic | openflow.BundleOrdered

// Apply has the switch execute mods as one atomic and ordered bundle
// (ONF EXT-230): all of them take effect, at one instant, or none. When it
// returns nil the switch has committed. Without mods it sends nothing.
//
// The messages are sent without waiting in between. The commit is sent only when the switch has
// accepted all of them: Open vSwitch commits what it accepted of a bundle even if it refused some.
// A bundle of one message needs no such wait.
//
// If the switch refuses messages the error is [ModErrors], and nothing has
// changed. If errors.Is(err, [ErrOutcomeUnknown]), read the flows
// again; if errors.Is(err, [ErrUnsupported]) the switch has no bundles. After
// any other error nothing has changed.
func Apply(ctx context.Context, conn *ofconn.Conn, mods []openflow.FlowMod) error {
	return ApplyMessages(ctx, conn, Messages(mods))
}

// Messages returns flow-mods as messages. They refer to the flow-mods given.
func Messages(mods []openflow.FlowMod) []openflow.Message {
	messages := make([]openflow.Message, len(mods))
	for i := range mods {
		messages[i] = &mods[i]
	}
	return messages
}

// ApplyMessages is [Apply] for a bundle that may have group-mods too. Open vSwitch takes no
// meter-mods in a bundle.
func ApplyMessages(ctx context.Context, conn *ofconn.Conn, mods []openflow.Message) error {
	if len(mods) == 0 {
		return nil
	}
	if err := apply(ctx, conn, mods); err != nil {
		return fmt.Errorf("apply %d messages: %w", len(mods), err)
	}
	return nil
}

func apply(ctx context.Context, conn *ofconn.Conn, mods []openflow.Message) error {
	if err := conn.Err(); err != nil {
		return err
	}
	if err := validate(mods); err != nil {
		return err
	}

	id := conn.NewBundleID()
	control := func(t openflow.BundleType) openflow.Message {
		return &openflow.BundleControl{BundleID: id, Ctrl: t, Flags: bundleFlags}
	}
	adds := make([]openflow.BundleAdd, len(mods))
	msgs := make([]openflow.Message, 0, len(mods)+2)
	msgs = append(msgs, control(openflow.BundleOpen))
	for i := range mods {
		adds[i] = openflow.BundleAdd{BundleID: id, Flags: bundleFlags, Message: mods[i]}
		msgs = append(msgs, &adds[i])
	}

	commit := control(openflow.BundleCommit)
	var out ofconn.Outcome
	var err error
	if len(mods) == 1 {
		out.Committed = true
		out.Reply, out.Refused, err = conn.Batch(ctx, append(msgs, commit))
	} else {
		out, err = conn.TwoPhase(ctx, append(msgs, control(openflow.BundleClose)), commit)
	}

	if !out.Committed {
		// Have the switch drop the bundle. If sending fails, the connection has ended, and the
		// bundle with it.
		_ = conn.Send(ctx, control(openflow.BundleDiscard))
	}

	switch {
	case err != nil && out.Committed:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	case err != nil:
		return err
	case len(out.Refused) > 0:
		return refused(mods, out.Refused)
	}

	if r, ok := out.Reply.(*openflow.BundleControl); !ok || r.Ctrl != openflow.BundleCommitReply ||
		r.BundleID != id {
		return fmt.Errorf("%w: the reply to the commit is %T", ErrOutcomeUnknown, out.Reply)
	}

	return nil
}

// Add has the switch execute additions one after another, without a bundle, in one round trip. Use
// it where it is harmless that some take effect before others. If the switch refuses some, the
// error is [ModErrors], and the others took effect: read again what the switch has. After any other
// error the outcome is unknown.
func Add(ctx context.Context, conn *ofconn.Conn, mods []openflow.FlowMod) error {
	return AddMessages(ctx, conn, Messages(mods))
}

// AddMessages is [Add] for messages of any kind, such as meter-mods.
func AddMessages(ctx context.Context, conn *ofconn.Conn, mods []openflow.Message) error {
	if len(mods) == 0 {
		return nil
	}
	if err := validate(mods); err != nil {
		return fmt.Errorf("send %d messages: %w", len(mods), err)
	}

	_, refusals, err := conn.Batch(ctx, append(slices.Clip(mods), &openflow.BarrierRequest{}))
	var errs ModErrors
	for _, r := range refusals {
		if r.Index < len(mods) {
			errs = append(errs, &ModError{Index: r.Index, Mod: mods[r.Index], Err: r})
		}
	}

	switch {
	case err != nil:
	case errs != nil:
		err = errs
	case len(refusals) > 0:
		err = refusals[0] // The barrier's.
	default:
		return nil
	}

	return fmt.Errorf("send %d messages: %w", len(mods), err)
}

// validate finds what cannot be encoded before the first byte is sent.
func validate(mods []openflow.Message) error {
	var buf []byte
	for i := range mods {
		var err error
		if buf, err = openflow.AppendMessage(buf[:0], 0, mods[i]); err != nil {
			return &ModError{Index: i, Mod: mods[i], Err: err}
		}
	}

	return nil
}

// refused turns the errors of a bundle's messages into one error: those of
// the mods if there are any, because the others (no such bundle, commit
// failed) only follow from them.
func refused(mods []openflow.Message, refusals []*ofconn.RequestError) error {
	var errs ModErrors
	for _, r := range refusals {
		if i := r.Index - 1; i >= 0 && i < len(mods) && !isBundleError(r.Reply) {
			errs = append(errs, &ModError{Index: i, Mod: mods[i], Err: r})
		}
	}

	if errs != nil {
		return errs
	}

	first := refusals[0]
	if isUnsupported(first.Reply) {
		return fmt.Errorf("bundle: %w: %w", ErrUnsupported, first)
	}

	return fmt.Errorf("bundle: %w", first)
}

func isBundleError(e *openflow.Error) bool {
	return e.ErrType == openflow.ErrorExperimenter || isUnsupported(e)
}

// isUnsupported recognizes the errors that say that a type of message is
// unknown: OFPBRC_BAD_TYPE, BAD_MULTIPART, BAD_EXPERIMENTER and BAD_EXP_TYPE.
func isUnsupported(e *openflow.Error) bool {
	return e.ErrType == openflow.ErrorBadRequest && e.Code >= 1 && e.Code <= 4
}
