package session

import (
	"context"
	"errors"
	"time"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// sampleTime bounds one reading of a switch's counters.
const sampleTime = 2 * time.Second

// sampler reads the counters of one host's flows. One reading is under way at a time.
type sampler struct {
	busy chan struct{} // holds a token while nobody reads; it guards the fields below

	last    time.Time          // reading
	program *reconcile.Desired // of meters
	meters  reconcile.Meters
}

func newSampler() *sampler {
	s := &sampler{busy: make(chan struct{}, 1)}
	s.busy <- struct{}{}
	return s
}

// Sample has the counters read and given to Config.Sampled, unless that was done within maxAge. It
// returns nil where nothing is mirrored; an error says why the switch could not be asked.
func (s *Session) Sample(ctx context.Context, maxAge time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	select {
	case <-s.sampler.busy:
		defer func() { s.sampler.busy <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}

	desired, _ := s.current()
	if time.Since(s.sampler.last) < maxAge || desired == nil || s.config.Sampled == nil {
		return nil
	}

	sw, err := s.connectedSwitch()
	if err != nil {
		return err
	}

	meters := s.sampler.metersOf(desired)
	if len(meters.Of) == 0 {
		return nil
	}

	reading, err := read(ctx, sw, meters)
	if err != nil {
		return err
	}

	s.sampler.last = reading.At
	s.config.Sampled(reading)
	return nil
}

// metersOf are the meters of a program.
func (s *sampler) metersOf(desired *reconcile.Desired) reconcile.Meters {
	if s.program != desired {
		s.program, s.meters = desired, desired.Meters()
	}
	return s.meters
}

// read reads the flows that count.
func read(ctx context.Context, sw *link.Switch, meters reconcile.Meters) (meter.Reading, error) {
	flows, err := flowtable.DumpSelected(ctx, sw.Conn, openflow.FlowStatsRequest{
		Table: openflow.TableAll, Cookie: meters.Cookie, CookieMask: meters.Mask,
	})
	if err != nil {
		return meter.Reading{}, err
	}

	reading := meter.Reading{At: time.Now()}
	for i := range flows {
		f := &flows[i]
		key := flowtable.KeyOf(f.Table, f.Priority, f.Match)
		if m, counts := meters.Of[key]; counts {
			reading.Flows = append(reading.Flows, meter.FlowCount{
				Meter: m, Key: key, Age: f.Duration,
				Count: meter.Count{Packets: f.PacketCount, Bytes: f.ByteCount},
			})
		}
	}

	return reading, readLimits(ctx, sw, meters, &reading)
}

// readLimits reads what meters have dropped. They are read after the flows: so what they dropped is
// never missed among what flows have counted.
func readLimits(
	ctx context.Context, sw *link.Switch, meters reconcile.Meters, reading *meter.Reading,
) error {
	if len(meters.Limits) == 0 {
		return nil
	}

	all, err := ofconn.List[openflow.MeterStatsReply](ctx, sw.Conn,
		openflow.MeterStatsRequest{ID: openflow.MeterAll})
	if err != nil {
		return err
	}

	for i := range all {
		service, limits := meters.Limits[all[i].ID]
		if !limits {
			continue
		}
		dropped := meter.LimitCount{Service: service}
		for _, band := range all[i].Bands {
			dropped.Packets += band.PacketCount
			dropped.Bytes += band.ByteCount
		}
		reading.Limits = append(reading.Limits, dropped)
	}
	return nil
}

// sampleInBackground has the counters read with nobody waiting for them.
func (s *Session) sampleInBackground(ctx context.Context) {
	if err := s.Sample(ctx, meter.Interval/2); err != nil && ctx.Err() == nil {
		s.log.Debug("counters could not be read", "error", err)
	}
}

// Flows reads the flows of the tap bridge with their statistics, for somebody who looks at them.
func (s *Session) Flows(ctx context.Context) ([]openflow.FlowStats, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	sw, err := s.connectedSwitch()
	if err != nil {
		return nil, err
	}
	return flowtable.Dump(ctx, sw.Conn)
}

// connectedSwitch returns the OpenFlow connection in use, or why there is none.
func (s *Session) connectedSwitch() (*link.Switch, error) {
	if sw := s.link.Switch(); sw != nil {
		return sw, nil
	}
	return nil, errors.New(s.link.WhyNoSwitch())
}
