//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

const (
	soakSeed = 6640 // SOAK_SEED sets another
	soakOps  = 60   // operations and faults; SOAK_OPS sets another number, such as 300
	// settleTime bounds how long all may take until it stands as intended, after everything that
	// was killed runs again.
	settleTime = 30 * time.Second
)

// soak is a world whose intent changes while its processes are killed.
type soak struct {
	*world
	t      *testing.T
	random *rand.Rand
	model  intended
	guests []*lab.Guest
	steady *sink // its first flow never changes
	ops    map[string]int
	unsure []string                // services whose change was not answered
	could  map[string][]changeable // what a flow can have become in this round, by id
	hosts  map[string]*lab.Host    // by id
	shaken bool                    // a switch or its database was killed since all had settled
}

// TestSoak changes what is intended, and what stands, at random, and kills controller, plugin,
// switches and databases at random moments. Now and then it waits until all has settled: then the
// switches hold exactly what is intended, and copies are exact.
func TestSoak(t *testing.T) {
	seed, limit := uint64(soakSeed), soakOps
	for name, set := range map[string]func(uint64){
		"SOAK_SEED": func(n uint64) { seed = n }, "SOAK_OPS": func(n uint64) { limit = int(n) },
	} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 32)
			must(t, err)
			set(n)
		}
	}

	t.Logf("SOAK_SEED=%d SOAK_OPS=%d", seed, limit)
	w := newWorld(t, 3, 3)
	s := &soak{
		world: w, t: t, random: rand.New(rand.NewPCG(seed, seed)), ops: map[string]int{},
		model: intended{services: map[string]*intendedService{}, flows: map[string]api.TapFlow{}},
	}

	s.hosts = map[string]*lab.Host{}
	for _, h := range w.Hosts {
		v, err := w.api.Hosts().Get(deadline(t), h.Name)
		must(t, err)
		s.hosts[v.ID] = h
	}

	h1, h2, h3 := w.Hosts[0], w.Hosts[1], w.Hosts[2]
	web := w.guest(t, h1, "web")
	s.guests = []*lab.Guest{web, w.guest(t, h1, "db"), w.guest(t, h2, "app"), w.guest(t, h3, "far")}
	s.steady = w.guestSink(t, w.guest(t, h2, "ids"), "brtap")
	s.takeService(s.steady, nil)
	f := vnic(web, "OUT")
	f.Name, f.TapID = "steady", s.steady.ID
	made, err := w.api.TapFlows().Create(deadline(t), f, client.Wait(10*time.Second))
	must(t, err)
	s.takeFlow(made)
	for _, g := range []*lab.Guest{w.guest(t, h1, "ids1"), w.guest(t, h3, "ids3")} {
		s.takeService(w.guestSink(t, g, "brtap"), nil)
	}

	s.takeService(w.hostSink(t, h2), h2)

	// A guest that nobody mirrors to the steady service broadcasts without pause, through all that
	// comes.
	loud, _ := stream(t, w.guest(t, h1, "loud"), lab.Broadcast(), 500)
	t.Cleanup(func() {
		heard := slices.DeleteFunc(s.steady.Frames(),
			func(f lab.Frame) bool { return !of(loud)(f) })
		if len(heard) > 0 {
			t.Errorf("%d frames of a guest that is not mirrored came, the first at %v", len(heard),
				heard[0].Time)
		}
	})

	t.Cleanup(func() {
		for id := range s.model.flows {
			must(t, w.api.TapFlows().Delete(context.Background(), id))
		}
	})

	rounds, done := 0, 0
	for done < limit && !t.Failed() {
		rounds++
		s.run(fmt.Sprint("round ", rounds), func() { done += s.round() })
		if rounds%4 == 0 || done >= limit {
			s.run(fmt.Sprint("settled after round ", rounds), s.settle)
		}
	}

	t.Logf("%d rounds: %v", rounds, s.ops)
}

// run runs a part as a test of its own, at whose end what it has opened is closed.
func (s *soak) run(name string, part func()) {
	parent := s.t
	defer func() { s.t = parent }()
	parent.Run(name, func(t *testing.T) {
		s.t = t
		part()
	})
}

func (s *soak) takeService(to *sink, spare *lab.Host) {
	s.model.services[to.ID] = &intendedService{sink: to, spare: spare, enabled: true}
}

func (s *soak) takeFlow(f api.TapFlow) { s.model.flows[f.ID] = f }

func (s *soak) guestOf(f api.TapFlow) *lab.Guest {
	return s.guests[slices.IndexFunc(s.guests,
		func(g *lab.Guest) bool { return g.ID == f.GuestID })]
}

// host is where a flow's source is.
func (s *soak) host(f api.TapFlow) *lab.Host {
	if f.Type == "vnic" {
		return s.guestOf(f).Host()
	}
	return s.hosts[f.HostID]
}

// round changes intent while something is killed, and then what is plugged where. It returns how
// many operations and faults that were.
func (s *soak) round() int {
	faults := s.pickFaults()
	changes := s.pickChanges()
	// A switch that has lost its database forwards nothing for a moment, and again when it has
	// found it, a second or more later.
	s.shaken = s.shaken || faults.switches()
	lossless := !s.shaken
	var tag uint32
	var sending *traffic
	var source *lab.Capture
	if lossless && faults.any() {
		source = capture(s.t, s.guests[0].Node, "eth0", lab.Out)
		tag, sending = stream(s.t, s.guests[0], s.guests[2].MAC(), 300)
		firstOf(s.t, s.steady.Capture, tag, time.Time{})
	}

	s.could = map[string][]changeable{}
	done := make(chan []outcome)
	go func() { done <- changes(s.api) }()
	s.inflict(faults)
	unsure := <-done
	for _, o := range unsure {
		s.resolve(o)
	}

	if sending != nil {
		firstOf(s.t, source, tag, time.Now())
		must(s.t, sending.Stop())
		must(s.t, source.WaitQuiet(deadline(s.t), quiet))
		must(s.t, s.steady.WaitQuiet(deadline(s.t), quiet))
		if wrong := missed(source, s.steady.Capture, tag); wrong != "" {
			s.t.Errorf("while %v: %s", faults, wrong)
		}
	}

	return len(faults.names()) + 3 + s.disturb()
}

// settle waits until everything is as intended, and then compares frames.
func (s *soak) settle() {
	t := s.t
	t.Helper()
	for _, h := range s.Hosts {
		s.hostStatus(t, h.Name, api.Ready, "")
	}

	for _, h := range s.Hosts { // ovs-vsctl waits until the switch follows its database again.
		_, err := h.VSCtl("set", "Open_vSwitch", ".", "external_ids:soak="+unique("settled"))
		must(t, err)
	}

	s.shaken = false
	took, err := await(settleTime, func() error {
		if err := s.acknowledged(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return s.compare(ctx)
	})
	if err != nil {
		t.Errorf("not settled: %v", err)
		return
	}

	t.Logf("settled within %v: %d flows", took, len(s.model.flows))
	// Where a station is, switches learn after it has moved in their own time; until then they
	// flood, and copies are more.
	for attempt := range 3 {
		if err = errors.Join(s.frames()...); err == nil {
			return
		}
		t.Logf("attempt %d: %v", attempt, err)
	}

	t.Error("copies are wrong again and again")
}

// acknowledged holds what the controller lists against what it has acknowledged, and each status
// against what it must be.
func (s *soak) acknowledged() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	flows, err := s.api.TapFlows().List(ctx)
	if err != nil {
		return err
	}

	listed := map[string]bool{}
	for _, f := range flows.TapFlows {
		listed[f.ID] = true
		want, known := s.model.flows[f.ID]
		switch {
		case !known:
			return fmt.Errorf("flow %s is listed and was not acknowledged, or was deleted", f.Name)
		case f.Enabled != want.Enabled || f.Direction != want.Direction || f.TapID != want.TapID ||
			f.GuestID != want.GuestID:
			return fmt.Errorf("flow %s is %+v, acknowledged was %+v", f.Name, f, want)
		case f.Enabled && s.model.services[f.TapID].enabled && f.Status != api.Ready:
			return fmt.Errorf("flow %s is %s: %s", f.Name, f.Status, f.Reason)
		}
	}

	for id, f := range s.model.flows {
		if !listed[id] {
			return fmt.Errorf("flow %s was acknowledged and is lost", f.Name)
		}
	}

	services, err := s.api.TapServices().List(ctx)
	for _, v := range services.TapServices {
		if want := s.model.services[v.ID]; want == nil || v.Enabled != want.enabled {
			err = errors.Join(err, fmt.Errorf("service %s is %+v", v.Name, v))
		}
	}

	return err
}

// frames has each guest send to the next, and counts the copies.
func (s *soak) frames() []error {
	type expectation struct {
		tag  uint32
		want int
		what string
	}
	expect := map[*sink][]expectation{}
	captures := map[*sink]*lab.Capture{}
	for _, v := range s.model.services {
		captures[v.sink] = v.sink.again(s.t, v.spare)
	}

	for i, from := range s.guests {
		to := s.guests[(i+1)%len(s.guests)]
		send(s.t, to, lab.ARP{Src: to.MAC()}.Frame()) // now the switches know where it is
		arrived := capture(s.t, to.Node, "eth0", lab.In)
		tag := s.random.Uint32()
		eventually(s.t, "the way between guests", func() error {
			send(s.t, from, lab.UDP{Src: from.MAC(), Dst: to.MAC(), Tag: tag + 1}.Frame())
			for _, f := range arrived.Frames() {
				if of(tag + 1)(f) {
					return nil
				}
			}
			return errors.New("nothing arrives")
		})

		send(s.t, from, lab.UDP{Src: from.MAC(), Dst: to.MAC(), Tag: tag}.Frame())
		for id, v := range s.model.services {
			expect[v.sink] = append(expect[v.sink], expectation{tag, s.copies(id, from, to),
				from.Name + " to " + to.Name})
		}
	}

	count := func() (wrong []error) {
		for to, list := range expect {
			got := map[uint32]int{}
			for _, f := range captures[to].Frames() {
				if tag, _, ok := lab.Sequence(f.Data); ok {
					got[tag]++
				}
			}

			for _, e := range list {
				if got[e.tag] != e.want {
					wrong = append(wrong, fmt.Errorf("%s: %d copies of a frame from %s, want %d",
						to.Name, got[e.tag], e.what, e.want))
				}
			}
		}
		return wrong
	}

	_, _ = await(2*time.Second, func() error { return errors.Join(count()...) })
	<-time.After(2 * quiet) // One too many would come now; there is no silence to wait for.
	return count()
}

// copies is how often an untagged frame between two guests is mirrored to a service: at most once
// on each host.
func (s *soak) copies(service string, from, to *lab.Guest) int {
	seen := map[*lab.Host]bool{}
	across := from.Host() != to.Host()
	for _, f := range s.model.flows {
		if f.TapID != service || !f.Enabled || !s.model.services[service].enabled || f.VLANID != 0 {
			continue
		}

		at := s.host(f)
		switch {
		case f.Type == "vnic" && (f.GuestID == from.ID && f.Direction != "IN" ||
			f.GuestID == to.ID && f.Direction != "OUT"),
			f.Type == "vswitch" && at == from.Host() &&
				(f.Direction == "BOTH" || f.Direction == "OUT" && across),
			f.Type == "vswitch" && at == to.Host() &&
				(f.Direction == "BOTH" || f.Direction == "IN" && across):
			seen[at] = true
		}
	}

	return len(seen)
}

// outcome is an operation whose answer did not come: it was done, or not.
type outcome struct {
	id, name string
	took     func(f api.TapFlow) // takes over what is found
	gone     func()              // takes over that nothing is found; nil if that cannot be
}

// resolve asks what became of an operation.
func (s *soak) resolve(o outcome) {
	s.t.Helper()
	ref := o.id
	if ref == "" {
		ref = o.name
	}

	var found api.TapFlow
	var err error
	eventually(s.t, "an answer", func() error {
		found, err = s.api.TapFlows().Get(deadline(s.t), ref)
		if client.IsStatus(err, 404) {
			return nil
		}
		return err
	})

	switch {
	case err == nil:
		o.took(found)
	case o.gone == nil:
		s.t.Errorf("flow %s was acknowledged and is lost", ref)
	default:
		o.gone()
	}
}

// refusedOnly tells an error that came with an answer, which has changed nothing, from one that
// leaves it open.
func refusedOnly(err error) bool {
	var answered *client.Error
	return errors.As(err, &answered)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
