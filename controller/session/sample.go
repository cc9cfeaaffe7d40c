package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
)

// sampleTime bounds one reading of a switch's counters.
const sampleTime = 2 * time.Second

// sampler reads the counters of one host's flows. One reading is under way at a time.
type sampler struct {
	busy   chan struct{} // holds a token while nobody reads
	last   time.Time     // guarded by busy
	of     *reconcile.Desired
	meters reconcile.Meters // of it
}

func newSampler() *sampler {
	s := &sampler{busy: make(chan struct{}, 1)}
	s.busy <- struct{}{}
	return s
}

// Sample has the counters read and told to Config.Sampled, unless that was done within maxAge. It returns nil where nothing is
// mirrored; an error says why the switch could not be asked.
func (s *Session) Sample(ctx context.Context, maxAge time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	select {
	case <-s.sampler.busy:
		defer func() { s.sampler.busy <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	desired, _, of := s.current()
	switch {
	case time.Since(s.sampler.last) < maxAge || desired == nil || s.config.Sampled == nil:
		return nil
	case of == nil:
		return fmt.Errorf("the OpenFlow connection of bridge %s is missing", s.config.TapBridge)
	}
	if s.sampler.of != desired {
		s.sampler.of, s.sampler.meters = desired, desired.Meters()
	}
	meters := s.sampler.meters
	if len(meters.Of) == 0 {
		return nil
	}
	flows, err := flowtable.DumpSelected(ctx, of.conn, openflow.FlowStatsRequest{
		Table: openflow.TableAll, Cookie: meters.Cookie, CookieMask: meters.Mask,
	})
	if err != nil {
		return err
	}
	reading := meter.Reading{At: time.Now()}
	for i := range flows {
		f := &flows[i]
		key := flowtable.KeyOf(f.Table, f.Priority, f.Match)
		if m, counts := meters.Of[key]; counts {
			reading.Flows = append(reading.Flows, meter.FlowCount{
				Meter: m, Key: key, Age: f.Duration, Count: meter.Count{Packets: f.PacketCount, Bytes: f.ByteCount},
			})
		}
	}
	s.sampler.last = reading.At
	s.config.Sampled(reading)
	return nil
}

// sampleNow has the counters read for nobody who waits for them.
func (s *Session) sampleNow(ctx context.Context) {
	if err := s.Sample(ctx, meter.Interval/2); err != nil && ctx.Err() == nil {
		s.log.Debug("counters could not be read", "error", err)
	}
}

// sampleAgain is the time until the next reading, which differs from host to host.
func sampleAgain() time.Duration { return meter.Interval*9/10 + rand.N(meter.Interval/5) }

// Flows reads the flows of the tap bridge with their statistics, for somebody who looks at them.
func (s *Session) Flows(ctx context.Context) ([]openflow.FlowStats, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	_, _, of := s.current()
	if of == nil {
		return nil, fmt.Errorf("the OpenFlow connection of bridge %s is missing", s.config.TapBridge)
	}
	return flowtable.Dump(ctx, of.conn)
}

// OpenFlowConnected reports whether the switch's OpenFlow connection is there.
func (s *Session) OpenFlowConnected() bool {
	_, _, of := s.current()
	return of != nil
}
