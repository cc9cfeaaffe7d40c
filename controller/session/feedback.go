package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/controller/session/repair"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
)

// feedbackTime bounds a reading.
const feedbackTime = time.Second

// feedback finds captures of one host whose copies come back into them. It is used by Run's
// goroutine alone, except for samples.
type feedback struct {
	program *reconcile.Desired // of the fields that follow
	echoes  []reconcile.Echo
	owners  map[flowtable.Key]string // of the flows that send
	// cookie and mask select these flows, and as few others as can be.
	cookie, mask openflow.Cookie

	watch repair.Feedback
	at    time.Time // of the last reading
	sum   uint64    // of all copies, when the captures were read one by one

	sw      *link.Switch      // that sends samples; nil: none
	sampled []*reconcile.Echo // of which it sends samples
	samples samples
}

// follow takes the program that is desired now.
func (f *feedback) follow(d *reconcile.Desired, now time.Time) {
	if f.program == d {
		return
	}

	f.program, f.echoes = d, d.Echoes()
	f.owners, f.cookie, f.mask = map[flowtable.Key]string{}, 0, ^openflow.Cookie(0)
	captures := make(map[string]uint64, len(f.echoes))
	for i := range f.echoes {
		echo := &f.echoes[i]
		captures[echo.Owner] = d.Fingerprints[echo.Owner]
		for _, key := range echo.Keys() {
			f.owners[key] = echo.Owner
		}
		if i == 0 {
			f.cookie = echo.Cookie()
		}
		f.mask &^= f.cookie ^ echo.Cookie()
	}
	f.cookie &= f.mask
	f.sum = 0
	f.watch.Follow(captures, now)
}

// grown reports whether captures have sent so many copies that it is worth reading them one by one.
// It costs the switch and us next to nothing, however many captures there are.
func (f *feedback) grown(ctx context.Context, sw *link.Switch) (bool, error) {
	parts, err := sw.Conn.Multipart(ctx, openflow.AggregateRequest{
		Table: openflow.TableAll, Cookie: f.cookie, CookieMask: f.mask,
	})
	if err != nil || len(parts) == 0 {
		return false, err
	}
	reply, is := parts[0].(openflow.AggregateReply)
	return is && (reply.PacketCount < f.sum || reply.PacketCount-f.sum >= repair.ManyCopies), nil
}

// read reads how many copies captures have sent.
func (f *feedback) read(ctx context.Context, sw *link.Switch) error {
	within := time.Since(f.at)
	f.at = time.Now()
	if !f.watch.Closely(f.at) {
		if grown, err := f.grown(ctx, sw); !grown || err != nil {
			return err
		}
	}

	flows, err := flowtable.DumpSelected(ctx, sw.Conn, openflow.FlowStatsRequest{
		Table: openflow.TableAll, Cookie: f.cookie, CookieMask: f.mask,
	})
	if err != nil {
		return err
	}

	sent := map[string]repair.Sent{}
	f.sum = 0
	for i := range flows {
		flow := &flows[i]
		f.sum += flow.PacketCount
		owner, sends := f.owners[flowtable.KeyOf(flow.Table, flow.Priority, flow.Match)]
		if !sends {
			continue
		}
		s := sent[owner]
		s.Copies += flow.PacketCount
		s.Age = max(s.Age, flow.Duration)
		sent[owner] = s
	}
	f.watch.Take(sent, within, f.at)
	return nil
}

// sample has the switch send samples of the captures that are to be looked at, and of no others.
func (f *feedback) sample(ctx context.Context, sw *link.Switch, now time.Time) error {
	looking := f.watch.Looking(now)
	if f.sw == sw && slices.EqualFunc(f.sampled, looking,
		func(e *reconcile.Echo, owner string) bool { return e.Owner == owner }) {
		return nil
	}

	mods := f.unsampled(sw)
	f.sw, f.sampled = sw, nil
	for i := range f.echoes {
		if echo := &f.echoes[i]; slices.Contains(looking, echo.Owner) {
			f.sampled = append(f.sampled, echo)
			mods = append(mods, echo.Sampled()...)
		}
	}
	f.samples.expect(f.sampled)
	return send(ctx, sw, mods)
}

// end takes the flows away that send samples. On a connection that has ended they expire.
func (f *feedback) end(ctx context.Context, sw *link.Switch) error {
	mods := f.unsampled(sw)
	f.sw, f.sampled = nil, nil
	f.samples.expect(nil)
	return send(ctx, sw, mods)
}

func (f *feedback) unsampled(sw *link.Switch) (mods []openflow.FlowMod) {
	if f.sw != sw {
		return nil
	}
	for _, echo := range f.sampled {
		mods = append(mods, echo.Unsampled()...)
	}
	return mods
}

func send(ctx context.Context, sw *link.Switch, mods []openflow.FlowMod) error {
	if len(mods) == 0 {
		return nil
	}
	messages := make([]openflow.Message, len(mods))
	for i := range mods {
		messages[i] = &mods[i]
	}
	return sw.Conn.Send(ctx, messages...)
}

// look takes in what the samples show, and reports whether a capture is to be stopped.
func (f *feedback) look(now time.Time) (stop []string) {
	for _, s := range f.samples.tallies() {
		if f.watch.Looked(s.echo.Owner, s.seen, s.own, now) {
			stop = append(stop, s.echo.Owner)
		}
	}
	return stop
}

// samples tallies the copies that are looked at. It is safe for concurrent use.
type samples struct {
	mu      sync.Mutex
	awaited []sampleTally
}

// sampleTally is what was seen of one capture.
type sampleTally struct {
	echo      *reconcile.Echo
	seen, own int // copies, and copies of own copies among them
}

// expect begins to tally the copies of some captures, and forgets all others.
func (s *samples) expect(echoes []*reconcile.Echo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited = nil
	for _, echo := range echoes {
		s.awaited = append(s.awaited, sampleTally{echo: echo})
	}
}

func (s *samples) tallies() []sampleTally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.awaited)
}

// take tallies a packet that the switch has sent, and reports whether it shows that a capture feeds
// on itself, or that enough was seen of one.
func (s *samples) take(p *openflow.PacketIn) (enough bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.awaited {
		tally := &s.awaited[i]
		if !tally.echo.Sent(p) {
			continue
		}
		tally.seen++
		if tally.echo.In(p.Data) {
			tally.own++
		}
		enough = enough || repair.Enough(tally.seen, tally.own)
	}
	return enough
}

// watchFeedback reads what captures send, and reports whether there is one to be stopped.
func (l *loop) watchFeedback(ctx context.Context) (stopped bool) {
	f := &l.s.feedback
	if len(f.echoes) == 0 {
		return false
	}

	ctx, cancel := context.WithTimeout(ctx, feedbackTime)
	defer cancel()
	sw, now := l.s.link.Switch(), time.Now()
	if sw == nil || !f.watch.Closely(now) && !l.s.config.Readings.Allow() {
		l.feedback.set(now.Add(feedbackTime))
		return false
	}

	found := f.look(now)
	err := f.read(ctx, sw)
	if err == nil {
		err = f.sample(ctx, sw, now)
	}
	if err != nil {
		l.s.log.Debug("copies could not be looked at", "error", err)
		l.feedback.set(now.Add(2 * feedbackTime))
		return false
	}

	if len(found) > 0 {
		l.s.log.Error("captures are stopped, since their copies come back into them", "found",
			found)
	}
	l.feedback.set(f.watch.Next(now))
	return len(found) > 0
}

// followFeedback takes the program of a step, before its flows are compared. Where no capture sends
// into a tunnel there is nothing to read.
func (x *step) followFeedback(ctx context.Context) {
	f, now := &x.s.feedback, time.Now()
	if f.program != x.desired && x.of != nil {
		if err := f.end(ctx, x.of.sw); err != nil {
			x.s.log.Debug("samples could not be ended", "error", err) // The connection has ended.
		}
	}
	f.follow(x.desired, now)

	switch {
	case len(f.echoes) == 0:
		x.feedback.stop()
	case !x.feedback.isSet:
		x.feedback.set(now.Add(rand.N(f.watch.Next(now).Sub(now))))
	}

	stopped, again := f.watch.Stopped(now)
	x.silence.FeedBack(stopped)
	x.lookAgain(again)
}

// loopReason says of a stopped capture what is wrong and what to do.
func (x *step) loopReason(owner string) string {
	return fmt.Sprintf("what is mirrored of bridge %s carries the tunnel, so that each copy is "+
		"copied again; the capture is stopped, and tried again from time to time: mirror "+
		"something else, or lead the tunnel past that bridge", x.desired.SourceBridge(owner))
}
